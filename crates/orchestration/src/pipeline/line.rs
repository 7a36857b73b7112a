use maniple_core::{AgentError, RecordedError};

use super::dead_letter::{DeadLetter, Letters};
use super::gates::Ticket;
use super::passage::Passage;
use super::stages::{PassAll, Stages};
use crate::fan_out::Begun;

/// What every item of a flow goes through.
pub(super) struct Line<S: Stages> {
    pub(super) stages: S,
    pub(super) pass: PassAll<S>,
    /// How many stages there are.
    pub(super) count: usize,
    pub(super) letters: Option<Letters<S::Input>>,
}

impl<S: Stages> Line<S> {
    /// Takes an item through the stages, or to where the dead letters go.
    pub(super) async fn carry(
        &self,
        begun: Begun,
        item: Ticketed<S::Input>,
    ) -> Result<Passed<S::Output>, AgentError> {
        let Some(letters) = &self.letters else { return self.pass(&begun, item).await };
        let place = letters.place(begun.child.clone());
        let input = letters.copy(&item.item);
        let passed = match Letters::<S::Input>::given_up(&place)? {
            Some(error) => Err(AgentError::Recorded(error)),
            None => self.pass(&begun, item).await,
        };
        let error = match passed {
            Err(error) => Letters::<S::Input>::take(error, &begun.cx)?,
            passed => return passed,
        };
        let letter = DeadLetter { index: begun.index, input, error: error.recorded() };
        letters.hand_over(letter, &place).await.map(Passed::without_output)
    }

    async fn pass(
        &self,
        begun: &Begun,
        Ticketed { ticket, item }: Ticketed<S::Input>,
    ) -> Result<Passed<S::Output>, AgentError> {
        let mut passage = Passage::among_others(begun.cx.clone(), ticket, self.count);
        let output = (self.pass)(&self.stages, item, &mut passage).await?;
        Ok(Passed { end: ItemEnd::Out(output), _ticket: passage.into_ticket() })
    }
}

/// An item with its right to pass.
pub(super) struct Ticketed<I> {
    pub(super) ticket: Option<Ticket>,
    pub(super) item: I,
}

/// An item that has an end.
pub(super) struct Passed<O> {
    pub(super) end: ItemEnd<O>,
    /// Those of its key that are behind it wait until it was taken in.
    _ticket: Option<Ticket>,
}

impl<O> Passed<O> {
    fn without_output(end: ItemEnd<O>) -> Self {
        Self { end, _ticket: None }
    }
}

/// How an item has ended that is no failure of the flow, or not of it alone.
pub(super) enum ItemEnd<O> {
    Out(O),
    Dead(RecordedError),
    Undelivered(AgentError),
}
