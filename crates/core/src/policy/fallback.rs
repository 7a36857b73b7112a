//! Another agent for where the first one fails.

use std::fmt;
use std::sync::LazyLock;

use async_trait::async_trait;

use crate::agent::BaseAgent;
use crate::contain::contain;
use crate::context::RunContext;
use crate::context::node::Segment;
use crate::error::{AgentError, Class};
use crate::event::EventKind;
use crate::identity::Name;
use crate::step::is_mistake;

/// A decision and a place of ours: no [`Name`](crate::Name) has this form.
static FALLBACK: LazyLock<Name> = LazyLock::new(|| Name::verbatim("%fallback"));

/// An agent behind which stands another; made by [`AgentExt::with_fallback`](crate::AgentExt::with_fallback).
#[derive(Clone)]
pub struct WithFallback<A, B> {
    agent: A,
    other: B,
}

impl<A, B> WithFallback<A, B> {
    pub(crate) fn new(agent: A, other: B) -> Self {
        Self { agent, other }
    }
}

impl<A: BaseAgent, B: BaseAgent> fmt::Debug for WithFallback<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithFallback")
            .field("agent", &self.agent.name())
            .field("other", &self.other.name())
            .finish()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A, B> BaseAgent for WithFallback<A, B>
where
    A: BaseAgent,
    A::Input: Clone,
    B: BaseAgent<Input = A::Input, Output = A::Output>,
{
    type Input = A::Input;
    type Output = A::Output;

    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, input: A::Input, cx: &RunContext) -> Result<A::Output, AgentError> {
        let _hold = cx.hold()?;
        let verdict = cx.verdict(&FALLBACK);
        // In a place of its own, since the first agent may have got any far in this one.
        let place = || {
            let place = Segment::Named(FALLBACK.clone(), verdict.ordinal);
            cx.derive(cx.env().clone(), place)
        };
        let error = match verdict.given(cx)? {
            Some(error) => {
                // Nobody will come by what the first agent has recorded.
                cx.env().run.history().pass_inside_but(cx.node.path(), place().node.path());
                error
            }
            None => match contain(|| cx.path(), self.agent.run(input.clone(), cx)).await {
                Err(error) if falls_back(&error) && cx.check().is_ok() && !is_in_doubt(cx) => {
                    verdict.give(cx, &error).await?;
                    error
                }
                settled => return settled,
            },
        };
        cx.emit(|| EventKind::FellBack { error: error.recorded() });
        self.other.run(input, &place()).await
    }
}

/// Whether something may have happened here that may not happen twice.
fn is_in_doubt(cx: &RunContext) -> bool {
    let open = cx.env().run.history().open_inside(cx.node.path());
    open.iter().filter_map(|open| open.step.as_ref()).any(|(effect, _)| !effect.may_repeat())
}

/// Where the work was not done, and nobody else has to see to that first. A mistake in the code
/// is not to be hidden.
fn falls_back(error: &AgentError) -> bool {
    let failed = matches!(
        error.class(),
        Class::Transient
            | Class::Permanent
            | Class::DeadlineExceeded
            | Class::BudgetExhausted
            | Class::Panicked
    );
    failed && !is_mistake(error)
}
