use std::ops::ControlFlow;
use std::path::Path;

use super::ContextBundle;
use crate::error::BundleError;
use crate::format::{Frame, Gap, write_frame, write_gap};
use crate::log::{Chain, Log, Step, Tip};
use crate::session::Header;
use crate::state::State;
use crate::store::{Line, Lines};
use crate::writer::Worker;

/// What becomes of a session's history when it is compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum History {
    /// It is kept, in as few pieces as are convenient.
    Keep,
    /// It is dropped, but for what a run needs to go on without doing anything twice (its records),
    /// and for what is shared with a fork. What it has come to stays, and so does the hash of the
    /// last action that was dropped, so that the chain can still be followed from there.
    Drop,
}

/// What compacting did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compacted {
    /// How many actions were dropped.
    pub dropped: u64,
}

impl ContextBundle {
    /// Makes the session quick to remount, and small: writes a [snapshot](Self::snapshot), and does
    /// with the history what is asked. Of a fork, only its own history is touched.
    ///
    /// # Errors
    /// What the system refused; the session is then as it was, or compacted. Or an error that names
    /// what is damaged.
    ///
    /// # Cancel safety
    /// If the future is dropped, it is done all the same.
    pub async fn compact(&self, history: History) -> Result<Compacted, BundleError> {
        self.with(move |worker| {
            worker.snapshot()?;
            match history {
                History::Keep => worker.writer().tidy().map(|()| Compacted { dropped: 0 }),
                History::Drop => drop_history(worker),
            }
        })
        .await
    }
}

fn drop_history(worker: &mut Worker) -> Result<Compacted, BundleError> {
    let header = worker.header().clone();
    let keep = Keep { own: header.first_own(), shared: shared(worker)? };
    let (lines, dropped) = {
        let log = worker.log()?;
        let mut last = None;
        log.replay(&mut Chain::from_the_beginning(&header), u64::MAX, &mut |step, line| {
            last = if keep.keeps(&step, line) { last } else { Some(line.seq()) };
            Ok(ControlFlow::Continue(()))
        })?;
        let Some(last) = last else { return Ok(Compacted { dropped: 0 }) };
        let mut rewrite = Rewrite::new(&header, last);
        log.replay(&mut Chain::from_the_beginning(&header), u64::MAX, &mut |step, line| {
            rewrite.take(&log, &keep, step, line)?;
            Ok(ControlFlow::Continue(()))
        })?;
        rewrite.finish()?
    };
    worker.writer().rewrite(keep.own.max(keep.shared), &lines)?;
    Ok(Compacted { dropped })
}

/// How many actions of the session are shared with forks that are not deleted.
fn shared(worker: &Worker) -> Result<u64, BundleError> {
    let id = worker.header().id;
    let mut shared = 0;
    for listed in worker.store().list()? {
        let Some(header) = listed.header else { continue };
        let path = Path::new(&listed.id.to_string()).join("bundle.json");
        let header = Header::from_bytes(&header, &path)?;
        let forks = header.ancestors().iter().filter(|forked| forked.from == id);
        shared = forks.map(|forked| forked.at).fold(shared, u64::max);
    }
    Ok(shared)
}

/// What is not dropped.
struct Keep {
    /// What is before this action is in the logs of others.
    own: u64,
    /// What is before this one is needed by others.
    shared: u64,
}

impl Keep {
    fn keeps(&self, step: &Step<'_>, line: Line<'_>) -> bool {
        let is_needed = line.seq() < self.own.max(self.shared);
        is_needed || matches!(step, Step::Action(action) if action.is_journal())
    }
}

/// The lines that are to stand in place of those that are there.
struct Rewrite<'a> {
    header: &'a Header,
    /// The last action that is dropped.
    last: u64,
    lines: Lines,
    state: State,
    /// How far the log was read.
    tip: Tip,
    /// Where the gap began that goes up to there, if there is one.
    gap: Option<Tip>,
    dropped: u64,
}

impl<'a> Rewrite<'a> {
    fn new(header: &'a Header, last: u64) -> Self {
        Self {
            header,
            last,
            lines: Lines::default(),
            state: State::default(),
            tip: Tip { actions: 0, head: header.root() },
            gap: None,
            dropped: 0,
        }
    }

    fn take(
        &mut self,
        log: &Log<'_>,
        keep: &Keep,
        step: Step<'_>,
        line: Line<'_>,
    ) -> Result<(), BundleError> {
        if keep.keeps(&step, line) {
            self.end_gap()?;
            if line.seq() >= keep.own {
                self.lines.push_line(line);
            }
        } else {
            self.gap.get_or_insert(self.tip);
        }
        let stated = Frame::read(line.bytes()).and_then(|frame| frame.stated_head());
        let mut head = stated.expect("the line was checked");
        match step {
            Step::Gap(gap) => {
                head = gap.head;
                if let Some(come_to) = gap.state {
                    self.state = *come_to;
                }
            }
            Step::Action(action) => {
                self.dropped += u64::from(self.gap.is_some());
                log.fold_one(&action, line, &mut self.state)?;
            }
        }
        self.tip = Tip { actions: line.seq().saturating_add(1), head };
        Ok(())
    }

    /// Writes the gap that ends here, if there is one.
    fn end_gap(&mut self) -> Result<(), BundleError> {
        let Some(begin) = self.gap.take() else { return Ok(()) };
        let seq = self.tip.actions.saturating_sub(1);
        // Nothing before the last gap has to be folded again.
        let state = (seq == self.last).then(|| Box::new(self.state.clone()));
        let gap = Gap { first: begin.actions, head: self.tip.head, state };
        let before = self.header.before(begin.actions, begin.head);
        let mut written = Ok(());
        self.lines.push(seq, |out| {
            write_frame(out, &before, |out| written = write_gap(out, seq, &gap));
        });
        written
    }

    fn finish(mut self) -> Result<(Lines, u64), BundleError> {
        self.end_gap()?;
        Ok((self.lines, self.dropped))
    }
}
