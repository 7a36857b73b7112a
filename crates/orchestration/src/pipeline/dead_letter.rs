use std::fmt;

use futures::future::BoxFuture;
use maniple_core::{
    AgentError, BaseAgent, BoxAgent, ChildKey, Children, Class, RecordedError, RunContext,
};
use serde::{Deserialize, Serialize};

use super::line::ItemEnd;
use crate::broken::{Rule, keeps};
use crate::call::durable;

/// An item that a flow has failed on, for whoever takes care of those.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter<I> {
    /// The index of the item, from 0.
    pub index: usize,
    /// The item as it came.
    pub input: I,
    /// Why it failed.
    pub error: RecordedError,
}

/// Where the items go that a flow fails on.
pub(super) struct DeadLetters<I> {
    agent: BoxAgent<DeadLetter<I>, ()>,
    copy: fn(&I) -> I,
    deliver: Deliver<I>,
}

type Deliver<I> = for<'a> fn(
    &'a BoxAgent<DeadLetter<I>, ()>,
    DeadLetter<I>,
    &'a RunContext,
) -> BoxFuture<'a, Result<(), AgentError>>;

impl<I> Clone for DeadLetters<I> {
    fn clone(&self) -> Self {
        Self { agent: self.agent.clone(), copy: self.copy, deliver: self.deliver }
    }
}

impl<I: Clone + Serialize + Send + 'static> DeadLetters<I> {
    pub(super) fn new(agent: BoxAgent<DeadLetter<I>, ()>) -> Self {
        Self { agent, copy: Clone::clone, deliver: durable::<BoxAgent<DeadLetter<I>, ()>> }
    }
}

impl<I> DeadLetters<I> {
    /// Where the letters of one run of a flow go.
    pub(super) fn at(self, children: &Children) -> Letters<I> {
        Letters { to: self, base: children.child("dead-letter") }
    }
}

/// The dead letters of one run of a flow.
pub(super) struct Letters<I> {
    to: DeadLetters<I>,
    base: RunContext,
}

impl<I: Send + 'static> DeadLetters<I> {
    pub(super) fn name(&self) -> &str {
        self.agent.name()
    }
}

impl<I: Send + 'static> Letters<I> {
    pub(super) fn copy(&self, input: &I) -> I {
        (self.to.copy)(input)
    }

    /// The place of one letter.
    pub(super) fn place(&self, item: impl Into<ChildKey>) -> RunContext {
        self.base.child_at(item)
    }

    /// The error, where an item that failed so is a dead letter: not where it waits. One that was
    /// stopped has not failed, whatever it says.
    pub(super) fn take(error: AgentError, cx: &RunContext) -> Result<AgentError, AgentError> {
        match error.class() {
            Class::Suspended | Class::Parked | Class::Diverged | Class::Cancelled => Err(error),
            _ => cx.check().map(|()| error),
        }
    }

    /// Why the item was given up, if it was, in this process or an earlier one.
    pub(super) fn given_up(at: &RunContext) -> Result<Option<RecordedError>, AgentError> {
        at.settlement_for_good()
    }

    /// Gives an item up for good, and hands it over. Done again, it is handed over once.
    pub(super) async fn hand_over<O>(
        &self,
        letter: DeadLetter<I>,
        at: &RunContext,
    ) -> Result<ItemEnd<O>, AgentError> {
        let error = letter.error.clone();
        if keeps(at, Rule::DeadLettersAreJournaled) && Self::given_up(at)?.is_none() {
            at.settle_for_good(&error).await?;
        }
        let DeadLetters { agent, deliver, .. } = &self.to;
        let cx = at.child(agent.name());
        let delivered = cx.invoke(|cx| async move { deliver(agent, letter, &cx).await }).await;
        match delivered {
            Ok(()) => Ok(ItemEnd::Dead(error)),
            Err(failure) => Self::take(failure, at).map(ItemEnd::Undelivered),
        }
    }
}

impl<I: Send + 'static> fmt::Debug for DeadLetters<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("agent", &self.agent.name()).finish_non_exhaustive()
    }
}
