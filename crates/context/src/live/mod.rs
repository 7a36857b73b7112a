//! A transcript that grows within a window.

mod compact;
mod recorded;
mod run;
mod snapshot;
mod window;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use snapshot::LiveSnapshot;

use crate::error::ContextError;
use crate::optimizer::{ContextOptimizer, ReducedContext, Report};
use crate::relevance::Query;
use crate::segment::Segment;
use crate::share::Share;
use compact::compact;
use run::Unfilled;
use snapshot::{FORMAT, State};
use window::Window;

/// A transcript that grows turn by turn, within a window.
///
/// The window is the budget of its optimizer. Whatever is pushed is sent with the next turn, and stays
/// as it was sent until a *compaction*: then the whole window is reduced to a low-water mark, so
/// that the turns after it have room again. A provider that caches the beginning of a request
/// reads all of it from the cache, but for the turns with a compaction.
///
/// It keeps these laws:
/// - no turn has more tokens than the window;
/// - a turn begins with the bytes of the turn before, unless a compaction ran, and a compaction runs only
///   above the high-water mark: up to there nothing is lost and nothing changes;
/// - what a compaction leaves keeps the laws of the [`ContextOptimizer`]: order, pins, pairs of calls and
///   results, pending calls, and every text that goes can be recalled;
/// - a compaction leaves as much as the low-water mark, or what must stay where that is more. Then the
///   next one waits for as many new tokens as lie between the marks, or until the window is full;
/// - what was pushed since the last turn, above all the results of tool calls, no model has seen yet. It
///   stays byte for byte in up to half of the low-water mark, the newest first; what is longer is
///   shortened, so that no result vanishes with its call before it was sent once. Of more new segments
///   than a window holds the oldest may go, as in any reduction;
/// - a turn costs what is new in it, and a compaction what is in the window; what has left it costs nothing;
/// - after an error it is as it was, and can be used on.
///
/// The query influences only what a compaction keeps.
///
/// ```
/// use std::sync::Arc;
///
/// use maniple_context::{ContextOptimizer, Encoding, Kind, LiveContext, Segment, Tiktoken};
///
/// let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
/// let optimizer = ContextOptimizer::builder(counter, 2_000).build()?;
/// let mut live = LiveContext::new(Arc::new(optimizer));
/// live.push(Segment::new("task", Kind::User, "Which of the servers are slow?").pinned())?;
///
/// let (mut compactions, mut cached) = (0, 0);
/// for n in 0..60 {
///     live.push(Segment::tool_call(format!("c{n}"), format!("p{n}"), format!("ping s{n}")))?;
///     let answers: String = (0..9).map(|k| format!("s{n}: answer {k} in {} ms\n", n * k)).collect();
///     live.push(Segment::tool_result(format!("r{n}"), format!("p{n}"), answers.clone()))?;
///
///     let turn = live.turn(None)?;
///     // What a host sends, here with the newest result as it is.
///     assert!(turn.segments.last().is_some_and(|last| **last.text() == *answers));
///     assert!(turn.tokens <= 2_000);
///     compactions += usize::from(turn.compaction.is_some());
///     cached += usize::from(turn.kept.tokens > turn.tokens / 2);
/// }
/// assert!(live.unreduced() > 6_000 && compactions < 8 && cached > 50);
/// # Ok::<(), maniple_context::ContextError>(())
/// ```
///
/// # In a run
/// [`turn_in`](Self::turn_in) makes each compaction a step of a run, so that a resumed run sends what it
/// sent before. An agent that rebuilds its transcript from its own steps needs nothing else. One that
/// goes on from where it was keeps a [snapshot](Self::snapshot) in its journal,
/// `cx.decide("context", || live.snapshot())`: one that was taken after a compaction, with the segments
/// pushed since, is all that a [restore](Self::restore) needs. What the markers in it stand for is in the
/// recall store, so that store has to outlive the process too, as a [`FileRecall`](crate::FileRecall)
/// does.
#[derive(Debug)]
pub struct LiveContext {
    optimizer: Arc<ContextOptimizer>,
    marks: Marks,
    window: Window,
    sent: Kept,
    /// The tokens that the last compaction left.
    compacted: usize,
    turns: u64,
    unreduced: usize,
    unfilled: Option<Unfilled>,
}

/// What is sent in one turn.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turn<'l> {
    /// All that is sent, in order.
    pub segments: &'l [Segment],
    /// The tokens of all segments.
    pub tokens: usize,
    /// The beginning that is byte for byte that of the turn before.
    pub kept: Kept,
    /// The tokens of all that was ever pushed.
    pub unreduced: usize,
    /// What the compaction did, if one ran before this turn.
    pub compaction: Option<Report>,
}

/// How much of a turn was sent in the turn before, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Kept {
    /// So many segments.
    pub segments: usize,
    /// Their tokens.
    pub tokens: usize,
}

/// Where a compaction begins and ends, as shares of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AnyMarks")]
struct Marks {
    low: Share,
    high: Share,
}

/// Marks that may lie anywhere.
#[derive(Deserialize)]
struct AnyMarks {
    low: Share,
    high: Share,
}

impl TryFrom<AnyMarks> for Marks {
    type Error = &'static str;

    fn try_from(AnyMarks { low, high }: AnyMarks) -> Result<Self, Self::Error> {
        if low.is_none() || low >= high {
            return Err("the low-water mark has to be above 0, and below the high-water mark");
        }
        Ok(Self { low, high })
    }
}

impl LiveContext {
    /// An empty transcript, whose window is the budget of the optimizer. It is compacted above 0.85 of
    /// the window, to 0.45 of it.
    pub fn new(optimizer: Arc<ContextOptimizer>) -> Self {
        let marks = Marks { low: Share::millionths(450_000), high: Share::millionths(850_000) };
        Self {
            optimizer,
            marks,
            window: Window::default(),
            sent: Kept::default(),
            compacted: 0,
            turns: 0,
            unreduced: 0,
            unfilled: None,
        }
    }

    /// Compacts above `high` of the window, to `low` of it.
    ///
    /// The farther apart they are, the fewer turns lose their cached beginning; the lower the low one is,
    /// the more is reduced then.
    ///
    /// # Errors
    /// [`ContextError::NoMarks`] unless 0 < `low` < `high` ≤ 1, in millionths.
    pub fn with_marks(mut self, low: f64, high: f64) -> Result<Self, ContextError> {
        let marks = Share::new(low).and_then(|low| Ok(AnyMarks { low, high: Share::new(high)? }));
        let marks = marks.ok().and_then(|marks| Marks::try_from(marks).ok());
        self.marks = marks.ok_or(ContextError::NoMarks { low, high })?;
        Ok(self)
    }

    /// Takes a segment to its end. It is counted here, once.
    ///
    /// Parts of one result may come one by one, before the turn that sends them.
    ///
    /// # Errors
    /// [`DuplicateId`](ContextError::DuplicateId),
    /// [`ResultWithoutCall`](ContextError::ResultWithoutCall) and
    /// [`PairReused`](ContextError::PairReused), as far as the window goes: ids and pairs that have left
    /// it are free again.
    pub fn push(&mut self, segment: Segment) -> Result<(), ContextError> {
        let tokens = self.window.push(segment, &**self.optimizer.counter())?;
        self.unreduced = self.unreduced.saturating_add(tokens);
        Ok(())
    }

    /// What is sent now. The query is what a compaction keeps to, if one runs.
    ///
    /// A compaction counts and compares whole texts: the time grows linearly with the window.
    ///
    /// # Errors
    /// [`PinnedExceedsBudget`](ContextError::PinnedExceedsBudget) where what must stay is more than the
    /// window, and otherwise as [`optimize`](ContextOptimizer::optimize) says. Nothing has changed
    /// then, and the call can be made again.
    pub fn turn(&mut self, query: Option<&Query>) -> Result<Turn<'_>, ContextError> {
        let compacted = if self.is_due() { Some(self.compact(query)?) } else { None };
        self.send(compacted)
    }

    /// What is in the window, in order: what was sent last, and what was pushed since.
    pub fn segments(&self) -> &[Segment] {
        self.window.segments()
    }

    /// The tokens of what is in the window. They may be more than the window until the next turn.
    pub fn tokens(&self) -> usize {
        self.window.tokens()
    }

    /// How many turns there were.
    pub fn turns(&self) -> u64 {
        self.turns
    }

    /// The tokens of all that was ever pushed.
    pub fn unreduced(&self) -> usize {
        self.unreduced
    }

    /// The optimizer, whose recall store has what was left out.
    pub fn optimizer(&self) -> &Arc<ContextOptimizer> {
        &self.optimizer
    }

    /// All of it, as it is now. Texts are shared; it takes time for each segment of the window.
    pub fn snapshot(&self) -> LiveSnapshot {
        LiveSnapshot {
            format: FORMAT,
            state: State {
                encoding: self.optimizer.counter().encoding().into(),
                marks: self.marks,
                sent: self.sent.segments,
                compacted: self.compacted,
                turns: self.turns,
                unreduced: self.unreduced,
                segments: self.window.segments().to_vec(),
            },
        }
    }

    /// Goes on from a snapshot, as the original would have gone on.
    ///
    /// The optimizer may have another budget or encoding: its budget is the window from here on, and what
    /// is in the window is counted anew. What has left it remains counted as it was.
    ///
    /// # Errors
    /// [`SnapshotDamaged`](ContextError::SnapshotDamaged), and the errors of [`push`](Self::push), where
    /// it contradicts itself.
    pub fn restore(
        optimizer: Arc<ContextOptimizer>,
        LiveSnapshot { state: snapshot, .. }: LiveSnapshot,
    ) -> Result<Self, ContextError> {
        let counter = &**optimizer.counter();
        let window = Window::of(snapshot.segments, counter)?;
        let segments = snapshot.sent;
        let sent = window.segments().get(..segments).ok_or(ContextError::SnapshotDamaged {
            sent: segments,
            segments: window.segments().len(),
        })?;
        let tokens = sent.iter().map(|segment| segment.tokens(counter)).sum();
        // In another encoding it would be compared to counts that it has nothing to do with.
        let is_same = *snapshot.encoding == *counter.encoding();
        Ok(Self {
            marks: snapshot.marks,
            sent: Kept { segments, tokens },
            compacted: if is_same { snapshot.compacted } else { 0 },
            turns: snapshot.turns,
            unreduced: snapshot.unreduced,
            unfilled: None,
            window,
            optimizer,
        })
    }

    fn low(&self) -> usize {
        self.marks.low.of(self.optimizer.budget()).max(1)
    }

    /// Whether there are too many tokens: more than the high-water mark, and as many more than the last
    /// compaction left as lie between the marks.
    fn is_due(&self) -> bool {
        let budget = self.optimizer.budget();
        let high = self.marks.high.of(budget).max(1);
        let gained = self.compacted.saturating_add(high.saturating_sub(self.low()));
        self.window.tokens() > high.max(gained).min(budget)
    }

    fn compact(&self, query: Option<&Query>) -> Result<ReducedContext, ContextError> {
        compact(&self.optimizer, &self.window, self.sent.segments, self.low(), query)
    }

    /// Takes what a compaction has left, if one ran, and sends what there is.
    fn send(&mut self, compacted: Option<ReducedContext>) -> Result<Turn<'_>, ContextError> {
        let mut kept = self.sent;
        let compaction = match compacted {
            None => None,
            Some(ReducedContext { segments, report }) => {
                let counter = &**self.optimizer.counter();
                let window = Window::of(segments, counter)?;
                let before = self.window.segments()[..self.sent.segments].iter();
                let same = before.zip(window.segments()).take_while(|(before, now)| before == now);
                kept = same.fold(Kept::default(), |kept, (_, segment)| Kept {
                    segments: kept.segments + 1,
                    tokens: kept.tokens + segment.tokens(counter),
                });
                self.compacted = window.tokens();
                self.window = window;
                Some(report)
            }
        };
        self.turns = self.turns.saturating_add(1);
        let segments = self.window.segments();
        let tokens = self.window.tokens();
        self.sent = Kept { segments: segments.len(), tokens };
        Ok(Turn { segments, tokens, kept, unreduced: self.unreduced, compaction })
    }
}
