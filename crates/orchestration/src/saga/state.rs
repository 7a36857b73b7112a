use std::collections::BTreeSet;
use std::sync::Arc;

use maniple_core::{AgentError, Class, Effect, Progress, RunContext};
use serde::Serialize;

use super::SHAPE;
use super::action::{Acted, Action};
use super::handle::Value;
use super::handle::sealed::Any;
use super::machine::{Machine, Step};
use super::plan::{Kind, Plan, Reversal, Slot};
use crate::report::PatternReport;

/// What is known of a saga on its way.
pub(super) struct State {
    pub(super) saga: Arc<str>,
    pub(super) plan: Arc<Plan>,
    pub(super) input: Value,
    /// Where the steps are done.
    pub(super) cx: RunContext,
    pub(super) machine: Machine,
    pub(super) made: Vec<Option<Value>>,
    pub(super) report: PatternReport,
    /// The step that failed first, and how.
    pub(super) cause: Option<(usize, AgentError)>,
    /// What has to come from outside, and for which step.
    pub(super) held: Vec<(usize, AgentError)>,
    /// What ends the saga's run without an outcome.
    pub(super) halt: Option<AgentError>,
}

impl State {
    pub(super) fn new(saga: Arc<str>, plan: Arc<Plan>, input: Value, cx: RunContext) -> Self {
        Self {
            saga,
            input,
            cx,
            machine: Machine::new(plan.graph.clone()),
            made: vec![None; plan.parts.len()],
            plan,
            report: PatternReport::default(),
            cause: None,
            held: Vec::new(),
            halt: None,
        }
    }

    /// Whether no further step is begun.
    pub(super) fn is_stopping(&self) -> bool {
        self.cause.is_some() || self.halt.is_some()
    }

    /// The steps that begin now.
    pub(super) fn begin(&mut self) -> Vec<usize> {
        if self.is_stopping() {
            return Vec::new();
        }
        let room = self.plan.concurrency.saturating_sub(self.machine.acting());
        let begun = self.machine.begin(room);
        self.report.started += begun.len();
        begun
    }

    /// Takes in what became of a step.
    pub(super) fn ended(&mut self, step: usize, result: Result<Acted, AgentError>) {
        let (error, became) = match result {
            Ok(Acted::Made(value)) => return self.done(step, value),
            Ok(Acted::Skipped(error)) => (error, Some(Step::Failed)),
            Err(error) => {
                let became = self.became(step, &error);
                (error, became)
            }
        };
        match became {
            None => {
                self.halt.get_or_insert(error);
            }
            Some(Step::Held) => {
                self.machine.acted(step, Step::Held);
                self.held.push((step, error));
            }
            Some(end) => {
                // One that was stopped at its end may have been completed, which the journal knows.
                let is_stopped =
                    matches!(error.class(), Class::Cancelled | Class::DeadlineExceeded);
                let is_unknown = is_stopped && end == Step::Failed && self.has_begun(step);
                self.machine.acted(step, if is_unknown { Step::Waiting } else { end });
                self.machine.abort();
                self.cause.get_or_insert((step, error));
            }
        }
    }

    pub(super) fn done(&mut self, step: usize, value: Value) {
        self.made[step] = Some(value);
        self.machine.acted(step, Step::Done);
        self.tell(step, "is done", Step::Done);
    }

    /// What became of a step that has failed; `None` where nothing may be decided by that.
    pub(super) fn became(&self, step: usize, error: &AgentError) -> Option<Step> {
        if matches!(error, AgentError::Journal { .. }) || error.class() == Class::Diverged {
            return None;
        }
        let part = &self.plan.parts[step];
        if part.kind == Kind::Step && matches!(error, AgentError::ConcurrentStep { .. }) {
            // It is at work elsewhere, such as in an execution that was dropped.
            return None;
        }
        let is_final = matches!(part.reversal, Reversal::Never);
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

    pub(super) fn place(&self, step: usize) -> RunContext {
        self.cx.child_at(&*self.plan.graph.nodes[step].name)
    }

    /// Whether a step that was not completed may have done some of its work.
    pub(super) fn may_have_happened(&self, step: usize) -> bool {
        let (part, place) = (&self.plan.parts[step], self.place(step));
        match part.kind {
            Kind::Step | Kind::Value => {
                !place.in_doubt().is_empty() || !place.withheld().is_empty()
            }
            Kind::Agent => part.effect != Effect::Pure && place.has_records(),
        }
    }

    /// Nobody waits any more for what has to come from outside.
    pub(super) fn doubt_what_is_held(&mut self) {
        for step in 0..self.plan.parts.len() {
            if self.machine.step(step) == Step::Held && self.may_have_happened(step) {
                self.machine.doubt(step);
            }
        }
    }

    pub(super) fn action(&self, step: usize) -> Action {
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

    pub(super) fn outputs(&self) -> Vec<Any> {
        let made = |step: &usize| self.made[*step].clone().expect("every step is done");
        self.plan.outputs.iter().map(made).map(Any).collect()
    }

    pub(super) fn tell(&self, step: usize, what: &str, counted: Step) {
        self.cx.progress(|| Progress {
            message: format!("step {} {what}", self.plan.graph.nodes[step].name).into(),
            done: u64::try_from(self.machine.count(counted)).unwrap_or(u64::MAX),
            total: match counted {
                Step::Undone => u64::try_from(self.machine.to_compensate().len()).ok(),
                _ => u64::try_from(self.plan.parts.len()).ok(),
            },
        });
    }

    pub(super) fn name(&self, step: usize) -> Arc<str> {
        self.plan.graph.nodes[step].name.clone()
    }

    pub(super) fn names(&self, what: Step) -> BTreeSet<String> {
        let steps = (0..self.plan.parts.len()).filter(|step| self.machine.step(*step) == what);
        steps.map(|step| String::from(&*self.name(step))).collect()
    }

    pub(super) fn named(&self, names: &BTreeSet<String>) -> BTreeSet<usize> {
        (0..self.plan.parts.len()).filter(|step| names.contains(&*self.name(*step))).collect()
    }

    pub(super) fn in_order(&self, steps: &BTreeSet<usize>) -> Vec<Arc<str>> {
        let is_named =
            |step: &&usize| steps.contains(step) && self.plan.parts[**step].kind != Kind::Value;
        let order = self.plan.graph.order.iter().filter(is_named);
        order.map(|step| self.name(*step)).collect()
    }

    /// What must not change while a saga is under way.
    pub(super) fn shape(&self) -> impl Serialize {
        let nodes = self.plan.graph.nodes.iter().zip(&self.plan.parts);
        let steps: Vec<_> = nodes
            .map(|(node, part)| {
                let after: Vec<Arc<str>> = node.after.iter().map(|step| self.name(*step)).collect();
                (node.name.clone(), after, part.effect, part.reversal.name())
            })
            .collect();
        (SHAPE, steps)
    }

    /// Whether anything of a step is journaled.
    pub(super) fn has_begun(&self, step: usize) -> bool {
        self.place(step).has_records()
    }

    /// Whether an earlier process has begun it after a step of which the output is not known any more.
    pub(super) fn is_behind_lost(&self, step: usize) -> bool {
        let is_waiting = self.machine.step(step) == Step::Waiting;
        is_waiting && self.plan.parts[step].kind != Kind::Value && self.has_begun(step)
    }
}
