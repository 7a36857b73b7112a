//! One piece of work for each of many inputs, at most so many at a time: what patterns with many
//! children are made of.

mod child;
mod left;
mod pulling;
mod queue;
mod settlement;
mod tally;
mod time;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use maniple_core::{AgentError, Children, Class, RunContext, Scope};
use tokio::time::Instant;

pub(crate) use child::{Child, Naming};
pub(crate) use queue::End;
pub(crate) use queue::lock;
use queue::{Ended, Queue};
pub(crate) use settlement::Fate;
use settlement::Settlement;
use tally::{Drained, Tally};
use time::Time;

use crate::broken::{Rule, keeps};
use crate::inputs::Inputs;
use crate::partial::Partial;
use crate::policy::Tolerance;
use crate::report::PatternReport;

/// How far inputs are pulled ahead of what is taken in, at least.
const WINDOW: usize = 256;

/// Where the outputs that count go to.
pub(crate) trait Sink<O> {
    /// Takes an output, or learns that there is none of this input.
    fn put(&mut self, index: usize, output: Option<O>);

    /// How many inputs it needs no more room for.
    fn taken(&self) -> usize;

    /// Whether none begins in the place of one that has ended before that was taken in: it may have been
    /// the last that was needed.
    fn looks_first(&self) -> bool {
        false
    }

    /// How many of the outputs agree, where that matters.
    fn support(&self) -> Option<usize> {
        None
    }

    /// Why outputs that count were lost on their way, if they were.
    fn failure(&self, cx: &RunContext) -> Option<AgentError>;
}

/// A child that begins.
pub(crate) struct Begun {
    pub(crate) index: usize,
    pub(crate) child: Child,
    pub(crate) cx: RunContext,
}

/// Works through inputs until the outcome is settled, and leaves nothing behind that still runs.
pub(crate) struct FanOut<'a, I> {
    pub(crate) cx: &'a RunContext,
    pub(crate) inputs: Inputs<I>,
    pub(crate) naming: Naming<I>,
    pub(crate) limit: usize,
    pub(crate) grace: Duration,
    pub(crate) tolerance: Tolerance,
    /// Whether each child is a durable branch. If not, a branch at its place is the host's own.
    pub(crate) recorded: bool,
}

impl<I: Send + 'static> FanOut<'_, I> {
    /// Says which inputs do not count.
    ///
    /// Outputs reach the sink as they come. What `make` makes is one child, under the context that the
    /// index or key of its input names.
    pub(crate) async fn run<O, W, Fut>(
        self,
        sink: &mut (impl Sink<O> + Send),
        make: impl FnOnce(&Children) -> W + Send,
        report: &mut PatternReport,
    ) -> Result<Partial<()>, AgentError>
    where
        O: Send + 'static,
        W: Fn(Begun, I) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<O, AgentError>> + Send + 'static,
    {
        let Self { cx, inputs, naming, limit, grace, tolerance, recorded } = self;
        let total = inputs.total();
        let settled = match tolerance {
            Tolerance::FailFast => None,
            _ => cx.settlement()?.map(|record: settlement::Record| Settlement::from(record)),
        };
        let is_replay = settled.is_some();
        // A failure that the journal knows decides, whatever else might now succeed.
        let by_journal = recorded && tolerance == Tolerance::FailFast;
        let known = if by_journal { cx.first_failed_child() } else { None };
        let mut tally = Tally::new(tolerance, total, waits(cx), settled.as_ref());
        let time = Time::of(cx, tolerance, is_replay);
        let mut spawning = if tally.is_decided() { 0 } else { limit.min(at_first(&inputs)) };
        let mut spawned = 0;
        let replays_until = time.replays_until(recorded);
        let wide = WINDOW.max(limit.saturating_mul(4));
        let window = if sink.looks_first() { limit } else { wide };
        let queue = Arc::new(Queue::new(inputs, naming, window, settled, replays_until));
        let mut scope = Scope::open(time.cx())?.with_grace(time.grace(grace));
        let work = make(&scope.children());
        if let Some(failure) = known {
            report.skipped = total.unwrap_or(0);
            scope.close().await;
            left::take_back(cx, grace, &queue, &work).await?;
            return Err(settle_failure(failure, by_journal, true, cx).await?);
        }
        let mut alive = true;
        while alive {
            while spawning > spawned {
                scope.spawn_worker(queue.clone().work(scope.children(), work.clone()));
                spawned += 1;
            }
            match select(pin!(queue.news()), pin!(scope.next())).await {
                Either::Left(_) => {}
                Either::Right((None, _)) => alive = false,
                Either::Right((Some(worker), _)) => {
                    if let Err(error @ AgentError::Panicked { .. }) = worker.result {
                        tally.end_with(error);
                    }
                }
            }
            let ended = queue.take();
            tally.look_at_time(time.is_up());
            take_in(&queue, ended, &mut tally, sink, report);
            if tally.is_decided() {
                queue.stop();
                scope.stop();
            } else if alive && queue.is_short() {
                spawning = limit.min(spawned + 1);
            }
            // Behind the stop: whoever is given room here begins.
            queue.advance(sink.taken());
        }
        scope.close().await;
        // Whoever could not be ended has ended for this pattern.
        for (index, child) in queue.left_behind() {
            report.started += 1;
            report.cancelled += 1;
            tally.take(index, child, End::<O>::Aborted);
            tally.look(sink.support());
        }

        let (pulled, exhausted) = queue.pulled();
        if let Some(failure) = sink.failure(cx) {
            tally.end_with(failure);
        }
        let all = exhausted || total == Some(pulled);
        let stopped = match cx.check() {
            Err(stopped) => Some(stopped),
            Ok(()) if all || tally.is_decided() || time.is_up() => None,
            Ok(()) => Some(AgentError::Cancelled { key: cx.path() }),
        };
        let is_stopped = stopped.is_some();
        let concluded = tally.conclude(Drained { pulled, all, stopped });
        report.skipped = tally.skipped();
        let is_final = match &concluded {
            Ok(()) => true,
            Err(failure) => tally.is_final(failure, is_stopped),
        };
        if !all && !is_replay && (is_final || concluded.as_ref().is_err_and(is_permanent)) {
            left::take_back(cx, grace, &queue, &work).await?;
        }
        if is_final
            && !is_replay
            && keeps(cx, Rule::SettlementsAreJournaled)
            && let Some(record) = tally.record()
        {
            cx.settle(&record).await?;
        }
        if let Err(failure) = concluded {
            return Err(settle_failure(failure, by_journal, is_final, cx).await?);
        }
        let left_out = tally.left_out();
        if !left_out.is_complete() {
            cx.close_children().await?;
        }
        Ok(left_out)
    }
}

/// Takes in what has ended, in the order of the ends.
fn take_in<I: Send + 'static, O>(
    queue: &Queue<I, O>,
    ended: Vec<Ended<O>>,
    tally: &mut Tally,
    sink: &mut impl Sink<O>,
    report: &mut PatternReport,
) {
    let now = Instant::now();
    for ended in ended {
        let timing = queue.timing(&ended, now);
        report.count(timing, &ended.end);
        report.started += usize::from(!matches!(ended.end, End::LeftOut(Fate::Skipped)));
        let output = tally.take(ended.index, ended.child, ended.end);
        sink.put(ended.index, output);
        // What comes later is too late, be it at the same time.
        tally.look(sink.support());
    }
}

fn is_permanent(failure: &AgentError) -> bool {
    failure.class() == Class::Permanent
}

/// How many workers to begin with: more begin where these are all busy.
fn at_first<I: Send + 'static>(inputs: &Inputs<I>) -> usize {
    inputs.total().unwrap_or_else(|| inputs.at_least().clamp(1, WINDOW))
}

/// Ends with a failure. One that is final closes what the children have left open: nobody will come
/// by them again.
async fn settle_failure(
    failure: AgentError,
    by_journal: bool,
    is_final: bool,
    cx: &RunContext,
) -> Result<AgentError, AgentError> {
    if matches!(failure.class(), Class::Parked | Class::Diverged) {
        return Ok(failure);
    }
    // Of several failures the one that was journaled first decides.
    let first = if by_journal { cx.first_failed_child() } else { None };
    let failure = first.unwrap_or(failure);
    if is_final || failure.class() == Class::Permanent {
        cx.close_children().await?;
    }
    Ok(failure)
}

fn waits(cx: &RunContext) -> fn(&AgentError) -> bool {
    if keeps(cx, Rule::SuspendedIsNoFailure) { is_suspended } else { |_| false }
}

fn is_suspended(error: &AgentError) -> bool {
    error.class() == Class::Suspended
}
