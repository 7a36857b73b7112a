//! The transcript in its window, turn by turn.

use std::collections::BTreeMap;
use std::sync::Arc;

use maniple::context::relevance::Query;
use maniple::context::{
    ContextOptimizer, Handle, LiveContext, Report, Segment, SegmentId, Sent, Tiktoken,
};

use crate::command::Command;
use crate::input::is_answer;
use crate::problem::Problem;

/// A transcript that is pushed message by message, and sent before each answer.
#[derive(Debug)]
pub(crate) struct Replay {
    live: LiveContext,
    counter: Tiktoken,
    query: Option<Query>,
    messages: usize,
    /// What the turn before has sent, with and without.
    before: Vec<Segment>,
    unreduced_before: usize,
}

/// What one turn sent.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) tokens: usize,
    pub(crate) unreduced: usize,
    /// The bytes at the beginning that are those of the turn before.
    pub(crate) kept_bytes: usize,
    /// All bytes of the turn before.
    pub(crate) bytes_before: usize,
    pub(crate) with: Sent,
    pub(crate) without: Sent,
    pub(crate) compaction: Option<Report>,
}

impl Turn {
    /// Whether it begins with all that the turn before has sent.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept_bytes == self.bytes_before
    }
}

/// What came of recalling every text that is no longer said.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Recalled {
    /// The segments that are gone or shortened.
    pub(crate) segments: usize,
    pub(crate) tokens: usize,
    /// Those of them that did not come back byte for byte.
    pub(crate) lost_segments: usize,
    pub(crate) lost_tokens: usize,
}

impl Replay {
    pub(crate) fn new(command: &Command) -> Result<Self, Problem> {
        let window = command.window;
        let counter = Tiktoken::new(command.encoding);
        let live = ContextOptimizer::builder(Arc::new(counter), window)
            .build()
            .and_then(|optimizer| {
                LiveContext::new(Arc::new(optimizer)).with_marks(command.low, command.high)
            })
            .map_err(|source| Problem::Window { window, source })?;
        let query = command.query.as_deref().map(Query::new);
        Ok(Self { live, counter, query, messages: 0, before: Vec::new(), unreduced_before: 0 })
    }

    /// What is sent to get this message, if it is an answer to anything.
    pub(crate) fn turn_before(&mut self, message: &[Segment]) -> Result<Option<Turn>, Problem> {
        if !is_answer(message) || self.live.segments().is_empty() {
            return Ok(None);
        }
        let number = usize::try_from(self.live.turns()).unwrap_or(usize::MAX).saturating_add(1);
        let sent = self
            .live
            .turn(self.query.as_ref())
            .map_err(|source| Problem::Turn { turn: number, source })?;
        let turn = Turn {
            number,
            // Counted here, and not only by what sends it.
            tokens: sent.segments.iter().map(|segment| segment.tokens(&self.counter)).sum(),
            unreduced: sent.unreduced,
            kept_bytes: common_bytes(&self.before, sent.segments),
            bytes_before: self.before.iter().map(|segment| segment.text().len()).sum(),
            with: Sent::new(sent.tokens).with_cached(sent.kept.tokens),
            without: Sent::new(sent.unreduced).with_cached(self.unreduced_before),
            compaction: sent.compaction,
        };
        self.before = sent.segments.to_vec();
        self.unreduced_before = sent.unreduced;
        Ok(Some(turn))
    }

    /// Takes a message into the context.
    pub(crate) fn push(&mut self, message: &[Segment]) -> Result<(), Problem> {
        self.messages += 1;
        for segment in message {
            self.live
                .push(segment.clone())
                .map_err(|source| Problem::Message { message: self.messages, source })?;
        }
        Ok(())
    }

    /// Recalls each of these that is no longer in the window as it was.
    pub(crate) fn recall(&self, pushed: &[Segment]) -> Recalled {
        let window: BTreeMap<&SegmentId, &Segment> =
            self.live.segments().iter().map(|segment| (segment.id(), segment)).collect();
        let is_said = |segment: &&Segment| {
            window.get(segment.id()).is_some_and(|kept| kept.text() == segment.text())
        };
        let mut recalled = Recalled::default();
        for segment in pushed.iter().filter(|segment| !is_said(segment)) {
            let tokens = segment.tokens(&self.counter);
            recalled.segments += 1;
            recalled.tokens += tokens;
            let handle = Handle::of(segment.text());
            let text = self.live.optimizer().recall(&handle);
            if text.is_ok_and(|text| text == *segment.text()) {
                continue;
            }
            recalled.lost_segments += 1;
            recalled.lost_tokens += tokens;
        }
        recalled
    }
}

/// How many bytes two contexts have in common at their beginning.
fn common_bytes(before: &[Segment], now: &[Segment]) -> usize {
    let mut bytes = 0;
    for (before, now) in before.iter().zip(now) {
        if before.id() != now.id() {
            break;
        }
        if before.text() == now.text() {
            bytes += before.text().len();
            continue;
        }
        let pairs = before.text().bytes().zip(now.text().bytes());
        return bytes + pairs.take_while(|(before, now)| before == now).count();
    }
    bytes
}
