//! Does what the machine says, and journals what it decides by.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::future::{Either, Fuse, FutureExt, select};
use maniple_core::{AgentError, Children, RecordedError, RunContext, Scope, Timing};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::action::Acted;
use super::error::Compensated;
use super::handle::sealed::Any;
use super::machine::{Machine, Step};
use super::plan::{Kind, Plan};
use super::state::State;
use super::{ABORT, UNDO};
use crate::fan_out::{End, lock};
use crate::report::PatternReport;

/// How long it may take to read what an aborted saga has done out of the journal.
const STOCK: Duration = Duration::from_secs(60);

/// How a saga has ended.
pub(super) enum Outcome {
    /// With what its output is made of.
    Committed(Vec<Any>),
    Compensated(Compensated),
}

/// That a saga is taken back, as it is journaled before anything is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Aborted {
    pub(super) step: Arc<str>,
    error: RecordedError,
    completed: BTreeSet<String>,
    pub(super) in_doubt: BTreeSet<String>,
}

/// One run of a saga. It is a task of a shielded scope, and goes on where the saga is dropped.
pub(super) struct Driver {
    plan: Arc<Plan>,
    /// Where the steps are done.
    cx: RunContext,
    /// Where they are taken back.
    shield: Children,
    /// Resolves when nobody waits for the saga any more.
    let_go: Fuse<oneshot::Receiver<()>>,
    floor: Arc<Floor>,
    by_hand: BTreeSet<usize>,
}

/// Where workers take steps from.
struct Floor {
    state: Mutex<State>,
    /// Steps that have begun, and for which a worker is yet to be started.
    ready: Mutex<Vec<usize>>,
    /// Wakes the driver.
    news: Notify,
}

impl Floor {
    /// Does a step, and then those that it lets begin, one after the other. For what could be done at the
    /// same time the driver starts workers.
    async fn work(self: Arc<Self>, children: Children, mut step: usize) -> Result<(), AgentError> {
        loop {
            let (action, name) = {
                let state = lock(&self.state);
                (state.action(step), state.name(step))
            };
            let began = Instant::now();
            let result = action.run(children.child_at(&*name)).await;
            let mut state = lock(&self.state);
            if state.machine.step(step) != Step::Acting {
                // It could not be aborted, and was given up.
                return Ok(());
            }
            count(&mut state.report, began.elapsed(), &result);
            state.ended(step, result);
            let mut ready = state.begin().into_iter();
            let next = ready.next();
            if ready.len() > 0 || state.is_stopping() {
                lock(&self.ready).extend(ready);
                self.news.notify_one();
            }
            drop(state);
            match next {
                Some(next) => step = next,
                None => return Ok(()),
            }
        }
    }
}

fn count(report: &mut PatternReport, ran: Duration, result: &Result<Acted, AgentError>) {
    let end = match result {
        Ok(Acted::Made(_)) => Ok(()),
        Ok(Acted::Skipped(error)) | Err(error) => Err(error.clone()),
    };
    report.count(Timing { ran, ..Timing::default() }, &End::Ran(end));
}

impl Driver {
    pub(super) fn new(state: State, shield: Children, let_go: oneshot::Receiver<()>) -> Self {
        let (plan, cx) = (state.plan.clone(), state.cx.clone());
        let (ready, news) = (Mutex::default(), Notify::new());
        let floor = Arc::new(Floor { state: Mutex::new(state), ready, news });
        Self { plan, cx, shield, let_go: let_go.fuse(), floor, by_hand: BTreeSet::new() }
    }

    pub(super) async fn run(mut self) -> (Result<Outcome, AgentError>, PatternReport) {
        let outcome = self.settle().await;
        let report = self.state().report;
        (outcome, report)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.floor.state)
    }

    /// Whether an earlier process has begun a step.
    fn has_begun(&self) -> bool {
        let state = self.state();
        (0..self.plan.parts.len()).any(|step| state.has_begun(step))
    }

    async fn settle(&mut self) -> Result<Outcome, AgentError> {
        let here = self.shield.context();
        if let Some(compensated) = here.settlement_for_good()? {
            here.abandon().await?;
            return Ok(Outcome::Compensated(compensated));
        }
        here.check_shape(&self.state().shape())?;
        let undos = self.shield.child(UNDO);
        let undos = match self.plan.undo_budget {
            Some(reserve) => match undos.clone().with_budget(reserve) {
                Ok(undos) => undos,
                // What its steps have used beyond what they had asked for does not leave them standing.
                Err(_) if self.has_begun() => undos,
                Err(error) => return Err(error),
            },
            None => undos,
        };
        let abort = self.shield.child(ABORT);
        let known: Option<Aborted> = abort.settlement_for_good()?;
        let aborted = if let Some(aborted) = known {
            {
                let mut state = self.state();
                let completed = state.named(&aborted.completed);
                let in_doubt = state.named(&aborted.in_doubt);
                state.machine = Machine::aborted(self.plan.graph.clone(), completed, &in_doubt);
            }
            self.take_stock(&here).await?;
            aborted
        } else {
            self.forward().await?;
            let cause = {
                let mut state = self.state();
                if state.machine.is_committed() {
                    return Ok(Outcome::Committed(state.outputs()));
                }
                state.cause.take()
            };
            let Some((step, error)) = cause else {
                let held = merged(std::mem::take(&mut self.state().held));
                return Err(held.unwrap_or_else(|| AgentError::Cancelled { key: self.cx.path() }));
            };
            let lost = self.take_stock(&here).await?;
            let aborted = {
                let mut state = self.state();
                if (0..self.plan.parts.len()).any(|step| state.is_behind_lost(step)) {
                    let held = std::mem::take(&mut state.held).into_iter();
                    return Err(merged(held.chain(lost).collect()).unwrap_or(error));
                }
                state.doubt_what_is_held();
                Aborted {
                    step: state.name(step),
                    error: error.recorded(),
                    completed: state.names(Step::Done),
                    in_doubt: state.names(Step::InDoubt),
                }
            };
            abort.settle_for_good(&aborted).await?;
            aborted
        };
        self.forget_forward(&here).await?;
        self.compensate(&undos).await?;
        let compensated = {
            let state = self.state();
            debug_assert!(state.machine.is_compensated(), "nothing is left, and nobody is stuck");
            Compensated {
                step: aborted.step,
                error: aborted.error,
                undone: state.in_order(&state.machine.to_compensate()),
                by_hand: state.in_order(&self.by_hand),
            }
        };
        here.settle_for_good(&compensated).await?;
        here.abandon().await?;
        Ok(Outcome::Compensated(compensated))
    }

    /// Does steps until none is left, or one has failed.
    async fn forward(&mut self) -> Result<(), AgentError> {
        let mut scope = Scope::open(&self.cx)?.with_grace(self.plan.grace);
        let floor = self.floor.clone();
        let begun = self.state().begin();
        lock(&floor.ready).extend(begun);
        loop {
            for step in std::mem::take(&mut *lock(&floor.ready)) {
                scope.spawn_worker(floor.clone().work(scope.children(), step));
            }
            if self.state().is_stopping() {
                scope.stop();
            }
            let (has_ended, is_let_go) = {
                let news = pin!(floor.news.notified());
                let told = select(news, &mut self.let_go);
                match select(pin!(scope.next()), pin!(told)).await {
                    // What became of its steps, a worker has said itself.
                    Either::Left((worker, _)) => (worker.is_none(), false),
                    Either::Right((told, _)) => (false, matches!(told, Either::Right(_))),
                }
            };
            if is_let_go {
                scope.stop();
            }
            if has_ended && lock(&floor.ready).is_empty() {
                break;
            }
        }
        scope.close().await;
        let mut state = self.state();
        // Their workers were aborted.
        for step in state.machine.all(Step::Acting) {
            let aborted = AgentError::Cancelled { key: state.place(step).path() };
            state.ended(step, Err(aborted));
        }
        state.halt.take().map_or(Ok(()), Err)
    }

    /// Finds out what an earlier process has done that this one has not come by, and whether what was
    /// stopped had ended: where nothing new begins, only the journal answers.
    ///
    /// Returns why steps have not been completed.
    async fn take_stock(
        &mut self,
        here: &RunContext,
    ) -> Result<Vec<(usize, AgentError)>, AgentError> {
        let mut lost = Vec::new();
        let mut scope = Scope::open(here)?.with_grace(self.plan.grace.max(STOCK));
        scope.stop();
        let mut begun = Vec::new();
        loop {
            {
                let mut state = self.state();
                for step in state.machine.begin(usize::MAX) {
                    if self.plan.parts[step].kind != Kind::Value && !state.has_begun(step) {
                        state.machine.acted(step, Step::Failed);
                        continue;
                    }
                    let cx = scope.child_at(&*state.name(step));
                    scope.spawn_worker(state.action(step).run(cx));
                    begun.push(step);
                }
            }
            let Some(done) = scope.next().await else { break };
            let (step, mut state) = (begun[done.index], self.state());
            match done.result {
                Ok(Acted::Made(value)) => state.done(step, value),
                Ok(Acted::Skipped(_)) => state.machine.acted(step, Step::Failed),
                Err(error) => match state.became(step, &error) {
                    // What comes after it is not taken back before somebody knows its output.
                    _ if state.machine.was_completed(step) => return Err(error),
                    None => return Err(error),
                    Some(end) => {
                        state.machine.acted(step, end);
                        lost.push((step, error));
                    }
                },
            }
        }
        scope.close().await;
        Ok(lost)
    }

    /// Nobody will do the steps any more, nor ask an operator about them.
    async fn forget_forward(&self, here: &RunContext) -> Result<(), AgentError> {
        for node in &self.plan.graph.nodes {
            here.child_at(&*node.name).abandon().await?;
        }
        Ok(())
    }

    /// Takes back what was done, or may have been.
    async fn compensate(&mut self, cx: &RunContext) -> Result<(), AgentError> {
        let (mut parked, mut halt) = (Vec::new(), None);
        let mut scope = Scope::open(cx)?.with_grace(self.plan.grace);
        let mut begun = Vec::new();
        loop {
            if halt.is_none() {
                let room = self.plan.concurrency.saturating_sub(scope.len());
                let mut state = self.state();
                for step in state.machine.begin_undoing(room) {
                    let cx = scope.child_at(&*state.name(step));
                    scope.spawn_worker(state.action(step).take_back(cx));
                    begun.push(step);
                }
            }
            let Some(done) = scope.next().await else { break };
            let step = begun[done.index];
            let is_undone = done.result.is_ok();
            self.state().machine.undid(step, is_undone);
            match done.result {
                Ok(by_hand) => {
                    if by_hand {
                        self.by_hand.insert(step);
                    }
                    self.state().tell(step, "is taken back", Step::Undone);
                }
                Err(error @ AgentError::Parked { .. }) => parked.push((step, error)),
                Err(error) => {
                    halt.get_or_insert(error);
                }
            }
        }
        scope.close().await;
        halt.or_else(|| merged(parked)).map_or(Ok(()), Err)
    }
}

/// What stands for all of them, whatever came first.
fn merged(mut errors: Vec<(usize, AgentError)>) -> Option<AgentError> {
    errors.sort_by_key(|(step, _)| *step);
    errors.into_iter().map(|(_, error)| error).reduce(AgentError::merge)
}
