//! A step on its way, done or taken back, and what an operator says to that.

use std::sync::Arc;

use maniple_core::{AgentError, Class, RunContext};

use super::act::Work;
use super::desk::{Answer, Decision, Desk, Note, Stuck};
use super::handle::Value;
use super::handle::sealed::Any;
use super::plan::{Plan, Reversal};
use super::{DO, UNDO};

/// What became of an action in the end.
pub(super) enum Acted {
    Made(Value),
    /// An operator says that it has not happened.
    Skipped(AgentError),
}

/// A step on its way, done or taken back.
pub(super) struct Action {
    pub(super) saga: Arc<str>,
    pub(super) plan: Arc<Plan>,
    pub(super) step: usize,
    pub(super) input: Value,
    pub(super) given: Vec<Any>,
    /// Where it was completed.
    pub(super) output: Option<Value>,
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

    /// Does it.
    pub(super) async fn run(self, cx: RunContext) -> Result<Acted, AgentError> {
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
            match desk.answer().await? {
                None => return Err(desk.parked(&note)),
                Some(Answer::Unreadable(reason)) => again = Some(reason),
                // The try before it may have happened, whatever becomes of the next.
                Some(Answer::Decided(Decision::Retry)) => is_retried = true,
                Some(Answer::Decided(Decision::Skip)) => {
                    cx.abandon().await?;
                    let said = format!("an operator skipped it: {}", note.reason);
                    return Ok(Acted::Skipped(AgentError::permanent(said)));
                }
                Some(Answer::Decided(Decision::Resolve(output))) => match part.act.read(&output) {
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
    pub(super) async fn take_back(self, cx: RunContext) -> Result<bool, AgentError> {
        // Why it is parked once more, where it is not tried again before.
        let mut again: Option<String> = None;
        loop {
            let (place, desk) = (cx.child(UNDO), Desk::next(&cx));
            let reversal = &self.plan.parts[self.step].reversal;
            let note = match (desk.note()?, again.take(), reversal) {
                (_, _, Reversal::Nothing) => return Ok(false),
                (Some(note), ..) => note,
                (None, Some(reason), _) => self.park(&desk, Stuck::Undo, reason).await?,
                (None, None, Reversal::Never) => {
                    let reason = "there is no undo".to_owned();
                    self.park(&desk, Stuck::Undo, reason).await?
                }
                (None, None, Reversal::By(undo)) => {
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
            match desk.answer().await? {
                None => return Err(desk.parked(&note)),
                Some(Answer::Unreadable(reason)) => again = Some(reason),
                Some(Answer::Decided(Decision::Retry)) => place.abandon().await?,
                Some(Answer::Decided(Decision::Skip | Decision::Resolve(_))) => return Ok(true),
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
    // One that is at work elsewhere, such as in an execution that was dropped, says itself how it ends.
    let is_elsewhere = matches!(error, AgentError::ConcurrentStep { .. });
    is_elsewhere || matches!(error, AgentError::Journal { .. }) || error.class() == Class::Diverged
}
