//! Does what the machine says, and journals what it decides by.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, Fuse, FutureExt, select};
use maniple_core::{
    AgentError, Children, Class, Effect, Progress, RecordedError, RunContext, Scope,
};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::act::Work;
use super::desk::{Decision, Desk, Note, Stuck};
use super::error::Compensated;
use super::handle::Value;
use super::handle::sealed::Any;
use super::machine::{Machine, Step};
use super::plan::{Kind, Plan, Reversal, Slot};
use super::{ABORT, DO, UNDO};
use crate::fan_out::End;
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

/// What the steps have come to when none runs any more.
#[derive(Default)]
struct Forward {
    /// The step that failed first, and how.
    cause: Option<(usize, AgentError)>,
    /// What has to come from outside, and for which step.
    held: Vec<(usize, AgentError)>,
}

/// What became of an action in the end.
enum Acted {
    Made(Value),
    /// An operator says that it has not happened.
    Skipped(AgentError),
}

/// One run of a saga. It is a task of a shielded scope, and goes on where the saga is dropped.
pub(super) struct Driver {
    pub(super) saga: Arc<str>,
    pub(super) plan: Arc<Plan>,
    pub(super) input: Value,
    /// Where the steps are done.
    pub(super) cx: RunContext,
    /// Where they are taken back.
    pub(super) shield: Children,
    /// Resolves when nobody waits for the saga any more.
    let_go: Fuse<oneshot::Receiver<()>>,
    machine: Machine,
    made: Vec<Option<Value>>,
    by_hand: BTreeSet<usize>,
    report: PatternReport,
}

impl Driver {
    pub(super) fn new(
        saga: Arc<str>,
        plan: Arc<Plan>,
        input: Value,
        cx: RunContext,
        shield: Children,
        let_go: oneshot::Receiver<()>,
    ) -> Self {
        let machine = Machine::new(plan.graph.clone());
        let made = vec![None; plan.parts.len()];
        let (by_hand, report) = (BTreeSet::new(), PatternReport::default());
        let let_go = let_go.fuse();
        Self { saga, plan, input, cx, shield, let_go, machine, made, by_hand, report }
    }

    pub(super) async fn run(mut self) -> (Result<Outcome, AgentError>, PatternReport) {
        let outcome = self.settle().await;
        (outcome, self.report)
    }

    async fn settle(&mut self) -> Result<Outcome, AgentError> {
        let here = self.shield.context();
        if let Some(compensated) = here.settlement_for_good()? {
            here.abandon().await?;
            return Ok(Outcome::Compensated(compensated));
        }
        here.check_shape(&self.shape())?;
        let undos = self.shield.child(UNDO);
        let undos = match self.plan.undo_budget {
            Some(reserve) => undos.with_budget(reserve)?,
            None => undos,
        };
        let abort = self.shield.child(ABORT);
        let known: Option<Aborted> = abort.settlement_for_good()?;
        let aborted = if let Some(aborted) = known {
            let graph = self.plan.graph.clone();
            let completed = self.named(&aborted.completed);
            self.machine = Machine::aborted(graph, completed, &self.named(&aborted.in_doubt));
            self.take_stock(&here).await?;
            aborted
        } else {
            let forward = self.forward().await?;
            if self.machine.is_committed() {
                return Ok(Outcome::Committed(self.outputs()));
            }
            let Some((step, error)) = forward.cause else {
                return Err(merged(forward.held).unwrap_or_else(|| self.cancelled()));
            };
            let lost = self.take_stock(&here).await?;
            if (0..self.plan.parts.len()).any(|step| self.is_behind_lost(step)) {
                let lost = merged(forward.held.into_iter().chain(lost).collect());
                return Err(lost.unwrap_or(error));
            }
            self.doubt_what_is_held();
            let aborted = Aborted {
                step: self.name(step),
                error: error.recorded(),
                completed: self.names(Step::Done),
                in_doubt: self.names(Step::InDoubt),
            };
            abort.settle_for_good(&aborted).await?;
            aborted
        };
        self.forget_forward(&here).await?;
        self.compensate(&undos).await?;
        debug_assert!(self.machine.is_compensated(), "nothing is left, and nobody is stuck");
        let compensated = Compensated {
            step: aborted.step,
            error: aborted.error,
            undone: self.in_order(&self.machine.to_compensate()),
            by_hand: self.in_order(&self.by_hand),
        };
        here.settle_for_good(&compensated).await?;
        here.abandon().await?;
        Ok(Outcome::Compensated(compensated))
    }

    /// Does steps until none is left, or one has failed.
    async fn forward(&mut self) -> Result<Forward, AgentError> {
        let mut forward = Forward::default();
        let mut halt = None;
        let mut scope = Scope::open(&self.cx)?.with_grace(self.plan.grace);
        let mut begun = Vec::new();
        loop {
            if forward.cause.is_none() && halt.is_none() {
                let room = self.plan.concurrency.saturating_sub(scope.len());
                for step in self.machine.begin(room) {
                    let cx = scope.child_at(&*self.plan.graph.nodes[step].name);
                    scope.spawn_worker(self.action(step).run(cx));
                    begun.push(step);
                    self.report.started += 1;
                }
            }
            let done = match select(pin!(scope.next()), &mut self.let_go).await {
                Either::Left((done, _)) => Some(done),
                Either::Right(_) => None,
            };
            let Some(done) = done else {
                scope.stop();
                continue;
            };
            let Some(done) = done else { break };
            let step = begun[done.index];
            let (error, became) = match done.result {
                Ok(Acted::Made(value)) => {
                    self.report.count(done.timing, &End::Ran(Ok(())));
                    self.done(step, value);
                    continue;
                }
                Ok(Acted::Skipped(error)) => (error, Some(Step::Failed)),
                Err(error) => {
                    let became = self.became(step, &error);
                    (error, became)
                }
            };
            self.report.count(done.timing, &End::<()>::Ran(Err(error.clone())));
            match became {
                None => {
                    halt.get_or_insert(error);
                    scope.stop();
                }
                Some(Step::Held) => {
                    self.machine.acted(step, Step::Held);
                    forward.held.push((step, error));
                }
                Some(end) => {
                    self.machine.acted(step, end);
                    self.machine.abort();
                    forward.cause.get_or_insert((step, error));
                    scope.stop();
                }
            }
        }
        scope.close().await;
        halt.map_or(Ok(forward), Err)
    }

    /// Finds out what an earlier process has done that this one has not come by: where nothing new
    /// begins, only the journal answers.
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
            for step in self.machine.begin(usize::MAX) {
                let cx = scope.child_at(&*self.plan.graph.nodes[step].name);
                if self.plan.parts[step].kind != Kind::Value && !cx.has_records() {
                    self.machine.acted(step, Step::Failed);
                    continue;
                }
                scope.spawn_worker(self.action(step).run(cx));
                begun.push(step);
            }
            let Some(done) = scope.next().await else { break };
            let step = begun[done.index];
            match done.result {
                Ok(Acted::Made(value)) => self.done(step, value),
                Ok(Acted::Skipped(_)) => self.machine.acted(step, Step::Failed),
                Err(error) => match self.became(step, &error) {
                    // What comes after it is not taken back before somebody knows its output.
                    _ if self.machine.was_completed(step) => return Err(error),
                    None => return Err(error),
                    Some(end) => {
                        self.machine.acted(step, end);
                        lost.push((step, error));
                    }
                },
            }
        }
        scope.close().await;
        Ok(lost)
    }

    /// Whether an earlier process has begun it after a step of which the output is not known any more.
    fn is_behind_lost(&self, step: usize) -> bool {
        let is_waiting = self.machine.step(step) == Step::Waiting;
        is_waiting && self.plan.parts[step].kind != Kind::Value && self.place(step).has_records()
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
                for step in self.machine.begin_undoing(room) {
                    let cx = scope.child_at(&*self.plan.graph.nodes[step].name);
                    scope.spawn_worker(self.action(step).take_back(cx));
                    begun.push(step);
                }
            }
            let Some(done) = scope.next().await else { break };
            let step = begun[done.index];
            let is_undone = done.result.is_ok();
            self.machine.undid(step, is_undone);
            match done.result {
                Ok(by_hand) => {
                    if by_hand {
                        self.by_hand.insert(step);
                    }
                    self.tell(step, "is taken back", Step::Undone);
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

    fn done(&mut self, step: usize, value: Value) {
        self.made[step] = Some(value);
        self.machine.acted(step, Step::Done);
        self.tell(step, "is done", Step::Done);
    }

    /// What became of a step that has failed; `None` where nothing may be decided by that.
    fn became(&self, step: usize, error: &AgentError) -> Option<Step> {
        if matches!(error, AgentError::Journal { .. }) || error.class() == Class::Diverged {
            return None;
        }
        let is_final = matches!(self.plan.parts[step].reversal, Reversal::Never);
        Some(match error {
            AgentError::Suspended { .. } => Step::Held,
            // Where nobody can tell what became of it, it is taken back. What is parked otherwise waits
            // for an operator.
            AgentError::Parked { step: parked, .. }
                if is_final || !self.place(step).in_doubt().contains(parked) =>
            {
                Step::Held
            }
            _ if self.may_have_happened(step) => Step::InDoubt,
            _ => Step::Failed,
        })
    }

    fn place(&self, step: usize) -> RunContext {
        self.cx.child_at(&*self.plan.graph.nodes[step].name)
    }

    /// Whether a step that was not completed may have done some of its work.
    fn may_have_happened(&self, step: usize) -> bool {
        let (part, place) = (&self.plan.parts[step], self.place(step));
        match part.kind {
            Kind::Step | Kind::Value => {
                !place.in_doubt().is_empty() || !place.withheld().is_empty()
            }
            Kind::Agent => part.effect != Effect::Pure && place.has_records(),
        }
    }

    /// Nobody waits any more for what has to come from outside.
    fn doubt_what_is_held(&mut self) {
        for step in 0..self.plan.parts.len() {
            if self.machine.step(step) == Step::Held && self.may_have_happened(step) {
                self.machine.doubt(step);
            }
        }
    }

    fn action(&self, step: usize) -> Action {
        let part = &self.plan.parts[step];
        let made = |step: &usize| self.made[*step].clone().expect("what comes before it is done");
        Action {
            saga: self.saga.clone(),
            plan: self.plan.clone(),
            step,
            input: match &part.input {
                Slot::Saga => self.input.clone(),
                Slot::Step(step) => made(step),
            },
            given: part.given.iter().map(made).map(Any).collect(),
            output: self.made[step].clone(),
        }
    }

    fn outputs(&self) -> Vec<Any> {
        let made = |step: &usize| self.made[*step].clone().expect("every step is done");
        self.plan.outputs.iter().map(made).map(Any).collect()
    }

    fn tell(&self, step: usize, what: &str, counted: Step) {
        self.cx.progress(|| Progress {
            message: format!("step {} {what}", self.plan.graph.nodes[step].name).into(),
            done: u64::try_from(self.machine.count(counted)).unwrap_or(u64::MAX),
            total: match counted {
                Step::Undone => u64::try_from(self.machine.to_compensate().len()).ok(),
                _ => u64::try_from(self.plan.parts.len()).ok(),
            },
        });
    }

    fn cancelled(&self) -> AgentError {
        AgentError::Cancelled { key: self.cx.path() }
    }

    fn name(&self, step: usize) -> Arc<str> {
        self.plan.graph.nodes[step].name.clone()
    }

    fn names(&self, what: Step) -> BTreeSet<String> {
        let steps = (0..self.plan.parts.len()).filter(|step| self.machine.step(*step) == what);
        steps.map(|step| String::from(&*self.name(step))).collect()
    }

    fn named(&self, names: &BTreeSet<String>) -> BTreeSet<usize> {
        (0..self.plan.parts.len()).filter(|step| names.contains(&*self.name(*step))).collect()
    }

    fn in_order(&self, steps: &BTreeSet<usize>) -> Vec<Arc<str>> {
        let is_named =
            |step: &&usize| steps.contains(step) && self.plan.parts[**step].kind != Kind::Value;
        let order = self.plan.graph.order.iter().filter(is_named);
        order.map(|step| self.name(*step)).collect()
    }

    /// What must not change while a saga is under way.
    fn shape(&self) -> impl Serialize {
        let nodes = self.plan.graph.nodes.iter().zip(&self.plan.parts);
        let steps: Vec<_> = nodes
            .map(|(node, part)| {
                let after: Vec<Arc<str>> = node.after.iter().map(|step| self.name(*step)).collect();
                (node.name.clone(), after, part.effect, part.reversal.name())
            })
            .collect();
        ("saga", steps)
    }
}

/// A step on its way, done or taken back.
struct Action {
    saga: Arc<str>,
    plan: Arc<Plan>,
    step: usize,
    input: Value,
    given: Vec<Any>,
    output: Option<Value>,
}

impl Action {
    fn work(&self) -> Work<'_> {
        let name = &self.plan.graph.nodes[self.step].name;
        Work { name, input: &self.input, given: &self.given, faults: &self.plan.faults }
    }

    fn note(&self, stuck: Stuck, reason: String) -> Note {
        let step = String::from(&**self.work().name);
        Note { saga: String::from(&*self.saga), step, stuck, reason }
    }

    async fn run(self, cx: RunContext) -> Result<Acted, AgentError> {
        match self.plan.parts[self.step].reversal {
            // In a box, since few come by there, and all would be larger by it.
            Reversal::Never => Box::pin(self.run_or_ask(cx)).await,
            Reversal::By(_) | Reversal::Nothing => self.act(&cx.child(DO)).await.map(Acted::Made),
        }
    }

    /// Does it, and lets an operator decide where it may have happened.
    async fn run_or_ask(self, cx: RunContext) -> Result<Acted, AgentError> {
        let part = &self.plan.parts[self.step];
        // Why it is parked once more, where it is not tried again before.
        let mut again: Option<String> = None;
        let mut is_retried = false;
        loop {
            // What was decided about one try leads to the next, which has the next names.
            let (place, desk) = (cx.child(DO), Desk::next(&cx));
            let note = match (desk.note()?, again.take()) {
                (Some(note), _) => note,
                (None, Some(reason)) => self.park(&desk, Stuck::Action, reason).await?,
                (None, None) => {
                    let error = match self.act(&place).await {
                        Ok(value) => {
                            if is_retried {
                                cx.abandon().await?;
                            }
                            return Ok(Acted::Made(value));
                        }
                        Err(error) => error,
                    };
                    if !is_stuck(&error, &cx) || cx.check().is_err() {
                        return Err(error);
                    }
                    self.park(&desk, Stuck::Action, error.to_string()).await?
                }
            };
            match desk.decision().await? {
                None => return Err(desk.parked(&note)),
                // The try before it may have happened, whatever becomes of the next.
                Some(Decision::Retry) => is_retried = true,
                Some(Decision::Skip) => {
                    cx.abandon().await?;
                    let said = format!("an operator skipped it: {}", note.reason);
                    return Ok(Acted::Skipped(AgentError::permanent(said)));
                }
                Some(Decision::Resolve(output)) => match part.act.read(&output) {
                    Ok(value) => {
                        cx.abandon().await?;
                        return Ok(Acted::Made(value));
                    }
                    Err(error) => {
                        again = Some(format!("what it was resolved with does not fit: {error}"));
                    }
                },
            }
        }
    }

    async fn act(&self, place: &RunContext) -> Result<Value, AgentError> {
        let act = &self.plan.parts[self.step].act;
        place.invoke(|place| act.act(&self.work(), place)).await
    }

    /// Takes it back; whether an operator says that it is not needed any more.
    async fn take_back(self, cx: RunContext) -> Result<bool, AgentError> {
        loop {
            let (place, desk) = (cx.child(UNDO), Desk::next(&cx));
            let note = match (desk.note()?, &self.plan.parts[self.step].reversal) {
                (_, Reversal::Nothing) => return Ok(false),
                (Some(note), _) => note,
                (None, Reversal::Never) => {
                    let reason = "there is no undo".to_owned();
                    self.park(&desk, Stuck::Undo, reason).await?
                }
                (None, Reversal::By(undo)) => {
                    let (output, how) = (self.output.as_ref(), &self.plan.compensation);
                    let undoing = |place| undo.undo(&self.work(), output, how, place);
                    match place.invoke(undoing).await {
                        Ok(()) => return Ok(false),
                        Err(error) if is_no_outcome(&error) || cx.check().is_err() => {
                            return Err(error);
                        }
                        Err(error) => {
                            self.park(&desk, Stuck::Undo, error.recorded().text.to_string()).await?
                        }
                    }
                }
            };
            match desk.decision().await? {
                None => return Err(desk.parked(&note)),
                Some(Decision::Retry) => place.abandon().await?,
                Some(Decision::Skip | Decision::Resolve(_)) => return Ok(true),
            }
        }
    }

    async fn park(&self, desk: &Desk, stuck: Stuck, reason: String) -> Result<Note, AgentError> {
        let note = self.note(stuck, reason);
        desk.put(&note).await?;
        Ok(note)
    }
}

/// Whether nobody but an operator can tell what became of a step that cannot be taken back.
fn is_stuck(error: &AgentError, cx: &RunContext) -> bool {
    let doubts = cx.in_doubt();
    match error {
        AgentError::Journal { .. } | AgentError::Suspended { .. } => false,
        AgentError::Parked { step, .. } => doubts.contains(step),
        _ => error.class() != Class::Diverged && !doubts.is_empty(),
    }
}

/// Whether it says nothing about the undo itself. Of an undo that says that it was cancelled, or waits,
/// nobody would hear otherwise: nothing stops it.
fn is_no_outcome(error: &AgentError) -> bool {
    matches!(error, AgentError::Journal { .. }) || error.class() == Class::Diverged
}

/// What stands for all of them, whatever came first.
fn merged(mut errors: Vec<(usize, AgentError)>) -> Option<AgentError> {
    errors.sort_by_key(|(step, _)| *step);
    errors.into_iter().map(|(_, error)| error).reduce(AgentError::merge)
}
