//! What every turn keeps.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use maniple_context::{
    ContextOptimizer, Encoding, Handle, Kind, LiveContext, Marker, PairId, Segment, SegmentId,
    Tiktoken, TokenCounter, Turn,
};
use proptest::prelude::*;

use crate::transcripts::{Words, live, tokens, transcript};

/// Follows a live context turn by turn, and checks the laws by what it has seen itself.
struct Witness {
    window: usize,
    low: usize,
    high: usize,
    counter: Arc<dyn TokenCounter>,
    pushed: Vec<Segment>,
    /// The tokens of all that was pushed.
    unreduced: usize,
    places: HashMap<SegmentId, usize>,
    /// What the turn before sent.
    before: Vec<Segment>,
    unseen: Vec<Segment>,
    compactions: usize,
}

impl Witness {
    fn new(window: usize, counter: Arc<dyn TokenCounter>) -> Self {
        Self {
            window,
            low: window * 45 / 100,
            high: window * 85 / 100,
            counter,
            pushed: Vec::new(),
            unreduced: 0,
            places: HashMap::new(),
            before: Vec::new(),
            unseen: Vec::new(),
            compactions: 0,
        }
    }

    fn pushed(&mut self, segment: &Segment) {
        self.places.insert(segment.id().clone(), self.pushed.len());
        self.unreduced += self.counter.count(segment.text());
        self.pushed.push(segment.clone());
        self.unseen.push(segment.clone());
    }

    fn count(&self, segments: &[Segment]) -> usize {
        segments.iter().map(|segment| self.counter.count(segment.text())).sum()
    }

    fn turn(&mut self, turn: &Turn<'_>, optimizer: &ContextOptimizer) {
        let given: Vec<Segment> = self.before.iter().chain(&self.unseen).cloned().collect();
        assert_eq!(turn.tokens, self.count(turn.segments));
        assert!(turn.tokens <= self.window, "{} of {}", turn.tokens, self.window);
        assert_eq!(turn.unreduced, self.unreduced);
        self.check_kept(turn);
        match &turn.compaction {
            None => {
                assert_eq!(turn.segments, given);
                assert!(turn.tokens <= self.window);
                assert_eq!(turn.kept.segments, self.before.len());
            }
            Some(report) => {
                self.compactions += 1;
                assert!(self.count(&given) > self.high);
                assert_eq!((report.before, report.after), (self.count(&given), turn.tokens));
                self.check_size(turn, &given);
                self.check_order(turn);
                check_pairs(turn.segments, &given);
                check_recall(&given, turn.segments, optimizer);
                self.check_markers(turn, optimizer);
            }
        }
        self.before = turn.segments.to_vec();
        self.unseen.clear();
    }

    /// The beginning that is said to be kept is kept, and it is all of it.
    fn check_kept(&self, turn: &Turn<'_>) {
        let same = self.before.iter().zip(turn.segments).take_while(|(before, now)| before == now);
        let same: Vec<Segment> = same.map(|(_, now)| now.clone()).collect();
        assert_eq!((turn.kept.segments, turn.kept.tokens), (same.len(), self.count(&same)));
    }

    /// To the low-water mark, where what must stay allows.
    fn check_size(&self, turn: &Turn<'_>, given: &[Segment]) {
        let must_stay = self.count(&kept(given));
        let most = (must_stay + self.low / 2) * 51 / 50;
        assert!(turn.tokens <= self.low.max(most), "{} above {}", turn.tokens, self.low);
        if must_stay <= self.low / 2 {
            assert!(turn.tokens <= self.low, "{} above {}", turn.tokens, self.low);
        }
    }

    /// What was pushed stands in the order in which it was pushed, and is kept as it was.
    fn check_order(&self, turn: &Turn<'_>) {
        let places = turn.segments.iter().filter_map(|segment| self.places.get(segment.id()));
        assert!(places.is_sorted());
        for segment in turn.segments {
            match self.places.get(segment.id()) {
                Some(place) => {
                    let original = &self.pushed[*place];
                    assert_eq!(original.priority(), segment.priority());
                    assert_eq!(original.retention(), segment.retention());
                    assert_eq!(original.pair(), segment.pair());
                }
                None => assert!(Marker::parse(segment.text()).is_some(), "{segment:?}"),
            }
        }
        let there: HashMap<_, _> = turn.segments.iter().map(|s| (s.id(), s)).collect();
        for pinned in self.pushed.iter().filter(|segment| segment.is_pinned()) {
            assert_eq!(there[pinned.id()], pinned);
        }
    }

    /// A fiftieth of what is aimed at, whatever earlier compactions have left.
    fn check_markers(&self, turn: &Turn<'_>, optimizer: &ContextOptimizer) {
        let markers = turn.segments.iter().filter(|segment| !segment.is_pinned());
        let markers = markers.flat_map(|segment| Marker::all_in(segment.text()));
        let known = markers.filter(|(_, m)| m.is_known(&**optimizer.recall_store()).unwrap());
        let used: usize = known.map(|(_, m)| self.counter.count(&m.to_string())).sum();
        assert!(used <= self.window / 50, "{used} of {}", self.window / 50);
    }

    fn finish(&self, live: &LiveContext) {
        check_recall(&self.pushed, live.segments(), live.optimizer());
    }
}

/// What is no longer there as it was can be had back.
fn check_recall(given: &[Segment], now: &[Segment], optimizer: &ContextOptimizer) {
    let there: HashMap<_, _> = now.iter().map(|s| (s.id(), s.text())).collect();
    for segment in given.iter().filter(|s| there.get(s.id()) != Some(&s.text())) {
        let text = optimizer.recall(&Handle::of(segment.text())).unwrap();
        assert_eq!(text, *segment.text());
    }
}

/// What must stay: what is pinned, pending, or a pair with what is.
pub(crate) fn kept(segments: &[Segment]) -> Vec<Segment> {
    let mut pairs: BTreeMap<&PairId, (bool, bool)> = BTreeMap::new();
    for segment in segments {
        let Some(pair) = segment.pair() else { continue };
        let (pinned, answered) = pairs.entry(pair).or_default();
        *pinned |= segment.is_pinned();
        *answered |= segment.kind() == Kind::ToolResult;
    }
    let stays = |segment: &&Segment| match segment.pair().map(|pair| pairs[pair]) {
        Some((pinned, answered)) => pinned || !answered,
        None => segment.is_pinned(),
    };
    segments.iter().filter(stays).cloned().collect()
}

/// A call and its results are there together or not at all, and one without a result is there.
fn check_pairs(segments: &[Segment], given: &[Segment]) {
    let ids: HashSet<_> = segments.iter().map(Segment::id).collect();
    let mut pairs: BTreeMap<&PairId, BTreeSet<bool>> = BTreeMap::new();
    for segment in given {
        let Some(pair) = segment.pair() else { continue };
        pairs.entry(pair).or_default().insert(ids.contains(segment.id()));
    }
    assert!(pairs.values().all(|there| there.len() == 1), "{pairs:?}");
    for pending in kept(given) {
        let now = segments.iter().find(|segment| segment.id() == pending.id());
        assert_eq!(now, Some(&pending));
    }
}

fn follow(live: &mut LiveContext, mut witness: Witness, batches: &[Vec<Segment>]) -> Witness {
    let optimizer = Arc::clone(live.optimizer());
    for batch in batches {
        for segment in batch {
            witness.pushed(segment);
            live.push(segment.clone()).unwrap();
        }
        let turn = live.turn(None).unwrap();
        witness.turn(&turn, &optimizer);
    }
    witness.finish(live);
    witness
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_turn_keeps_the_laws(seed: u64, turns in 1..120_usize, window in 400..3_000_usize) {
        let witness = Witness::new(window, Arc::new(Words));
        follow(&mut live(window), witness, &transcript(seed, turns, window));
    }
}

#[test]
fn two_thousand_turns_keep_the_laws() {
    let window = 12_000;
    let batches = transcript(7, 2_000, window);
    let mut live = live(window);
    let witness = follow(&mut live, Witness::new(window, Arc::new(Words)), &batches);
    // A cycle takes two fifths of the window, and 2,000 turns push some 500,000 tokens.
    assert!((50..=110).contains(&witness.compactions), "{} compactions", witness.compactions);
    assert_eq!(live.turns(), 2_000);
    assert!(live.unreduced() > 20 * window && tokens(live.segments()) <= window);
}

#[test]
fn real_tokens_keep_them_too() {
    let window = 3_000;
    let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
    let optimizer = ContextOptimizer::builder(counter.clone(), window).build().unwrap();
    let batches = transcript(11, 150, window);
    let mut live = LiveContext::new(Arc::new(optimizer));
    let witness = follow(&mut live, Witness::new(window, counter), &batches);
    assert!(witness.compactions >= 3, "{} compactions", witness.compactions);
}

#[test]
fn a_query_says_what_a_compaction_keeps() {
    let batches = transcript(3, 60, 1_500);
    let query = |text: &str| maniple_context::relevance::Query::new(text);
    let said = |query| {
        let mut live = live(1_500);
        for segment in batches.iter().flatten() {
            live.push(segment.clone()).unwrap();
        }
        let turn = live.turn(query).unwrap();
        assert!(turn.compaction.is_some());
        turn.segments.to_vec()
    };
    assert_ne!(said(None), said(Some(&query("Which header is read?"))));
}

#[test]
fn below_the_high_mark_the_query_changes_nothing() {
    let query = maniple_context::relevance::Query::new("Which header is read?");
    let mut live = live(1_000_000);
    let batches = transcript(5, 40, 1_500);
    for segment in batches.iter().flatten() {
        live.push(segment.clone()).unwrap();
    }
    let turn = live.turn(Some(&query)).unwrap();
    assert_eq!(turn.segments, batches.concat());
    assert!(turn.compaction.is_none());
}
