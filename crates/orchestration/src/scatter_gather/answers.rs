use maniple_core::{AgentError, RunContext};

use super::agreement::{Agree, Groups};
use crate::fan_out::Sink;
use crate::fork_join::ByBranch;
use crate::policy::Tolerance;

/// What has been answered, by the places of the responders.
pub(super) struct Answers<'a, O> {
    pub(super) by_responder: ByBranch<O>,
    /// How many responders have ended, where one of them may have been the last that was needed.
    ended: Option<usize>,
    agreement: Option<(&'a Agree<O>, Groups<usize>)>,
    tell: Option<Tell<'a, O>>,
}

/// Whoever wants to see each answer that counts.
pub(super) type Tell<'a, O> = &'a (dyn Fn(usize, &O) + Sync);

impl<'a, O> Answers<'a, O> {
    pub(super) fn new(
        responders: usize,
        tolerance: Tolerance,
        agree: Option<&'a Agree<O>>,
        tell: Option<Tell<'a, O>>,
    ) -> Self {
        let agreement = agree.map(|agree| (agree, Groups::new()));
        let ended = tolerance.is_by_arrival().then_some(0);
        Self { by_responder: ByBranch::of(responders), ended, agreement, tell }
    }
}

impl<O> Sink<O> for Answers<'_, O> {
    fn put(&mut self, index: usize, output: Option<O>) {
        let is_answer = output.is_some();
        if let (Some(tell), Some(output)) = (self.tell, &output) {
            tell(index, output);
        }
        self.by_responder.put(index, output);
        self.ended = self.ended.map(|ended| ended + 1);
        if let (Some((agree, groups)), true) = (&mut self.agreement, is_answer) {
            let answers = &self.by_responder.0;
            let agrees = |a: &usize, b: &usize| match (&answers[*a], &answers[*b]) {
                (Some(a), Some(b)) => agree(a, b),
                _ => false,
            };
            groups.add(index, agrees);
        }
    }

    fn taken(&self) -> usize {
        self.ended.unwrap_or_else(|| self.by_responder.taken())
    }

    fn looks_first(&self) -> bool {
        self.ended.is_some()
    }

    fn support(&self) -> Option<usize> {
        self.agreement.as_ref().map(|(_, groups)| groups.largest())
    }

    fn failure(&self, cx: &RunContext) -> Option<AgentError> {
        self.by_responder.failure(cx)
    }
}
