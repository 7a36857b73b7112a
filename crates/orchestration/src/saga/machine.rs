use std::collections::BTreeSet;
use std::sync::Arc;

use super::graph::Graph;

/// What a saga does next, by what became of its steps so far. It is pure: neither clocks nor tasks nor
/// the journal decide here.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    graph: Arc<Graph>,
    steps: Vec<Step>,
    /// Where it is known which steps are to be taken back: nothing else is begun.
    only: Option<BTreeSet<usize>>,
    aborted: bool,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// What it comes after is not done.
    Waiting,
    Acting,
    Done,
    /// It did not happen.
    Failed,
    /// It may have happened.
    InDoubt,
    /// It waits for something from outside.
    Held,
    Undoing,
    /// It is taken back.
    Undone,
    /// It cannot be taken back by now.
    Stuck,
}

impl Machine {
    pub(super) fn new(graph: Arc<Graph>) -> Self {
        let steps = vec![Step::Waiting; graph.nodes.len()];
        Self { graph, steps, only: None, aborted: false }
    }

    /// Where it was settled before which steps are to be taken back: of those that were completed the
    /// outputs are asked for once more, and nothing else is begun.
    pub(super) fn aborted(
        graph: Arc<Graph>,
        completed: BTreeSet<usize>,
        in_doubt: &BTreeSet<usize>,
    ) -> Self {
        let mut machine = Self::new(graph);
        for step in in_doubt {
            machine.steps[*step] = Step::InDoubt;
        }
        Self { only: Some(completed), aborted: true, ..machine }
    }

    pub(super) fn step(&self, step: usize) -> Step {
        self.steps[step]
    }

    pub(super) fn count(&self, what: Step) -> usize {
        self.steps.iter().filter(|step| **step == what).count()
    }

    /// How many are being done.
    pub(super) fn acting(&self) -> usize {
        self.count(Step::Acting)
    }

    pub(super) fn all(&self, what: Step) -> Vec<usize> {
        (0..self.steps.len()).filter(|step| self.steps[*step] == what).collect()
    }

    /// The steps that begin now, at most so many.
    pub(super) fn begin(&mut self, most: usize) -> Vec<usize> {
        let is_ready = |step: &usize| {
            self.steps[*step] == Step::Waiting
                && self.only.as_ref().is_none_or(|only| only.contains(step))
                && self.graph.nodes[*step].after.iter().all(|a| self.steps[*a] == Step::Done)
        };
        let ready: Vec<usize> =
            self.graph.order.iter().copied().filter(is_ready).take(most).collect();
        for step in &ready {
            self.steps[*step] = Step::Acting;
        }
        ready
    }

    /// Takes in what became of a step that had begun.
    pub(super) fn acted(&mut self, step: usize, end: Step) {
        debug_assert_eq!(self.steps[step], Step::Acting, "it had begun");
        self.steps[step] = end;
    }

    /// What is held, and may have happened, is to be taken back.
    pub(super) fn doubt(&mut self, step: usize) {
        self.steps[step] = Step::InDoubt;
    }

    /// From here on what was done is taken back.
    pub(super) fn abort(&mut self) {
        self.aborted = true;
    }

    /// Whether it was settled before that this step was completed.
    pub(super) fn was_completed(&self, step: usize) -> bool {
        self.only.as_ref().is_some_and(|only| only.contains(&step))
    }

    /// The steps of which something may have to be taken back.
    pub(super) fn to_compensate(&self) -> BTreeSet<usize> {
        let any = [Step::Done, Step::InDoubt, Step::Undoing, Step::Undone, Step::Stuck];
        (0..self.steps.len()).filter(|step| any.contains(&self.steps[*step])).collect()
    }

    /// The steps that are taken back now, at most so many: those after which nothing is left to take
    /// back.
    pub(super) fn begin_undoing(&mut self, most: usize) -> Vec<usize> {
        let is_clear = |step: &usize| {
            matches!(self.steps[*step], Step::Waiting | Step::Failed | Step::Held | Step::Undone)
        };
        let is_next = |step: &usize| {
            matches!(self.steps[*step], Step::Done | Step::InDoubt)
                && self.graph.nodes[*step].before.iter().all(is_clear)
        };
        let next: Vec<usize> =
            self.graph.order.iter().rev().copied().filter(is_next).take(most).collect();
        for step in &next {
            self.steps[*step] = Step::Undoing;
        }
        next
    }

    /// Takes in whether a step is taken back.
    pub(super) fn undid(&mut self, step: usize, is_undone: bool) {
        debug_assert_eq!(self.steps[step], Step::Undoing, "it was begun to be");
        self.steps[step] = if is_undone { Step::Undone } else { Step::Stuck };
    }

    /// Whether every step is done.
    pub(super) fn is_committed(&self) -> bool {
        !self.aborted && self.count(Step::Done) == self.steps.len()
    }

    /// Whether everything that had to be is taken back.
    pub(super) fn is_compensated(&self) -> bool {
        let left = [Step::Done, Step::InDoubt, Step::Undoing, Step::Stuck, Step::Acting];
        self.aborted && left.iter().all(|step| self.count(*step) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    /// One after the other.
    fn line(steps: usize) -> Machine {
        let name = |step: usize| Arc::from(format!("{step}"));
        let after = |step: usize| step.checked_sub(1).into_iter().collect();
        let graph = Graph::new((0..steps).map(|step| (name(step), after(step))).collect());
        Machine::new(Arc::new(graph.unwrap()))
    }

    #[test]
    fn a_step_begins_when_those_before_it_are_done_and_is_undone_when_those_after_it_are() {
        let mut machine = line(3);
        for step in 0..2 {
            assert_eq!(machine.begin(9), [step]);
            assert_eq!(machine.begin(9), NONE, "it has begun");
            machine.acted(step, Step::Done);
        }
        assert_eq!(machine.begin(0), NONE);
        assert_eq!(machine.begin(1), [2]);
        machine.acted(2, Step::InDoubt);
        assert!(!machine.is_committed());
        machine.abort();
        for step in [2, 1, 0] {
            assert!(!machine.is_compensated());
            assert_eq!(machine.begin_undoing(9), [step]);
            assert_eq!(machine.begin_undoing(9), NONE);
            machine.undid(step, true);
        }
        assert!(machine.is_compensated());
        assert_eq!(machine.to_compensate(), [0, 1, 2].into());
    }

    #[test]
    fn what_is_stuck_holds_up_what_comes_before_it() {
        let mut machine = line(2);
        for step in 0..2 {
            machine.begin(1);
            machine.acted(step, Step::Done);
        }
        assert!(machine.is_committed());
        machine.abort();
        assert_eq!(machine.begin_undoing(9), [1]);
        machine.undid(1, false);
        assert_eq!(machine.begin_undoing(9), NONE);
        assert!(!machine.is_compensated());
    }

    #[test]
    fn of_a_saga_that_was_aborted_only_what_was_completed_is_asked_for() {
        let graph = line(4).graph;
        let mut machine = Machine::aborted(graph, [0, 1].into(), &[2].into());
        assert_eq!(machine.begin(9), [0]);
        machine.acted(0, Step::Done);
        assert_eq!(machine.begin(9), [1]);
        machine.acted(1, Step::Done);
        assert_eq!(machine.begin(9), NONE);
        assert_eq!(machine.begin_undoing(9), [2]);
    }
}
