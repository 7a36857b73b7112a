//! A context that was kept and restored goes on as if nothing had been.

use std::sync::Arc;

use maniple_context::{
    ContextOptimizer, Encoding, Kind, LiveContext, LiveSnapshot, Report, Segment, Tiktoken, Turn,
};
use maniple_core::{Fact, Journal, MemoryJournal, Run};
use proptest::prelude::*;

use crate::transcripts::{live, numbered, optimizer, tokens, transcript};

/// Whether two turns are one, but for how long they took.
pub(crate) fn same(one: &Turn<'_>, other: &Turn<'_>) {
    let timeless = |report: &Option<Report>| {
        report.clone().map(|mut report| {
            report.reducers.iter_mut().for_each(|reducer| reducer.time = std::time::Duration::ZERO);
            report
        })
    };
    assert_eq!(one.segments, other.segments);
    assert_eq!(one.kept, other.kept);
    assert_eq!((one.tokens, one.unreduced), (other.tokens, other.unreduced));
    assert_eq!(timeless(&one.compaction), timeless(&other.compaction));
}

/// What is left of it by way of JSON.
fn through_json(live: &LiveContext) -> LiveContext {
    let json = serde_json::to_string(&live.snapshot()).unwrap();
    let snapshot: LiveSnapshot = serde_json::from_str(&json).unwrap();
    assert_eq!(snapshot.segments(), live.segments());
    LiveContext::restore(Arc::clone(live.optimizer()), snapshot).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_crash_at_any_moment_changes_nothing(
        seed: u64,
        turns in 1..100_usize,
        window in 400..2_000_usize,
        moments in 1..6_usize,
    ) {
        let (mut whole, mut crashed) = (live(window), live(window));
        let mut moment = 0;
        for batch in transcript(seed, turns, window) {
            for segment in batch {
                whole.push(segment.clone()).unwrap();
                crashed.push(segment).unwrap();
                moment += 1;
                if moment % moments == 0 {
                    crashed = through_json(&crashed);
                }
            }
            same(&crashed.turn(None).unwrap(), &whole.turn(None).unwrap());
            prop_assert_eq!(crashed.turns(), whole.turns());
            crashed = through_json(&crashed);
        }
    }
}

#[tokio::test]
async fn what_a_journal_keeps_of_a_compaction_and_what_was_pushed_since_are_enough() {
    let batches = transcript(43, 60, 1_000);
    let mut restored = 0;
    for died in (0..batches.len()).step_by(7) {
        let journal = MemoryJournal::new();
        let run = Run::builder("talk").with_journal(journal.clone()).open().await.unwrap();
        let cx = run.context();
        let mut whole = live(1_000);
        for batch in &batches[..died] {
            batch.iter().try_for_each(|segment| whole.push(segment.clone())).unwrap();
            if whole.turn(None).unwrap().compaction.is_some() {
                cx.decide("context", || whole.snapshot()).await.unwrap();
            }
        }

        let records = journal.load().await.unwrap();
        let kept = records.iter().rev().find_map(|record| match &record.fact {
            Fact::Decided { value } => Some(value.decode::<LiveSnapshot>().unwrap()),
            _ => None,
        });
        let mut crashed = match kept {
            Some(kept) => LiveContext::restore(Arc::clone(whole.optimizer()), kept).unwrap(),
            None => live(1_000),
        };
        restored += usize::from(crashed.turns() > 0);
        let since = usize::try_from(crashed.turns()).unwrap();
        for batch in &batches[since..died] {
            batch.iter().try_for_each(|segment| crashed.push(segment.clone())).unwrap();
            assert!(crashed.turn(None).unwrap().compaction.is_none());
        }
        for batch in &batches[died..] {
            for segment in batch {
                whole.push(segment.clone()).unwrap();
                crashed.push(segment.clone()).unwrap();
            }
            same(&crashed.turn(None).unwrap(), &whole.turn(None).unwrap());
        }
    }
    assert!(restored > 4, "{restored}");
}

#[test]
fn it_waits_as_long_as_the_original() {
    let [mut whole, mut crashed] = [live(2_000), live(2_000)];
    let rules = Segment::new("rules", Kind::Instruction, numbered("a rule", 160)).pinned();
    whole.push(rules.clone()).unwrap();
    crashed.push(rules).unwrap();
    let mut compactions = 0;
    for n in 0..100 {
        let text = format!("And now the part {n} is read before it ends again.");
        let segment = Segment::new(format!("m{n}"), Kind::Assistant, text);
        whole.push(segment.clone()).unwrap();
        crashed.push(segment).unwrap();
        let turn = whole.turn(None).unwrap();
        compactions += usize::from(turn.compaction.is_some());
        same(&crashed.turn(None).unwrap(), &turn);
        crashed = through_json(&crashed);
    }
    assert!(compactions > 0);
}

#[test]
fn another_window_or_encoding_counts_anew() {
    let window = 2_000;
    let mut original = live(window);
    for segment in transcript(31, 60, window).concat() {
        original.push(segment).unwrap();
        original.turn(None).unwrap();
    }
    let unreduced = original.unreduced();

    let mut smaller = LiveContext::restore(optimizer(500), original.snapshot()).unwrap();
    assert_eq!(smaller.tokens(), original.tokens());
    let turn = smaller.turn(None).unwrap();
    assert!(turn.compaction.is_some() && turn.tokens <= 500);

    let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
    let real = ContextOptimizer::builder(counter.clone(), window).build().unwrap();
    let mut real = LiveContext::restore(Arc::new(real), original.snapshot()).unwrap();
    let count = |segments: &[Segment]| -> usize {
        segments.iter().map(|segment| segment.tokens(&*counter)).sum()
    };
    assert_eq!(real.tokens(), count(original.segments()));
    assert_ne!(real.tokens(), tokens(original.segments()));
    assert_eq!(real.unreduced(), unreduced);
    let turn = real.turn(None).unwrap();
    assert_eq!(turn.tokens, count(turn.segments));
}

#[test]
fn the_first_format_is_read_and_written() {
    let golden = include_str!("golden/snapshot-1.json");
    let snapshot: LiveSnapshot = serde_json::from_str(golden).unwrap();
    assert_eq!(serde_json::to_string_pretty(&snapshot).unwrap(), golden.trim_end());
    let mut live = LiveContext::restore(optimizer(100), snapshot).unwrap();
    assert_eq!((live.turns(), live.unreduced(), live.tokens()), (2, 40, 10));
    let turn = live.turn(None).unwrap();
    assert_eq!((turn.kept.segments, turn.segments.len()), (2, 3));
}
