//! How a pattern calls a child: plainly, or as a durable branch.

use futures::future::BoxFuture;
use maniple_core::{AgentError, BaseAgent, RunContext};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A pointer to one of the functions below. Because the serde bounds of the durable one are asked for
/// where it is chosen, the patterns themselves do without them.
pub(crate) type Call<A> = for<'a> fn(
    &'a A,
    <A as BaseAgent>::Input,
    &'a RunContext,
)
    -> BoxFuture<'a, Result<<A as BaseAgent>::Output, AgentError>>;

pub(crate) fn plain<'a, A: BaseAgent>(
    agent: &'a A,
    input: A::Input,
    cx: &'a RunContext,
) -> BoxFuture<'a, Result<A::Output, AgentError>> {
    agent.run(input, cx)
}

pub(crate) fn durable<'a, A>(
    agent: &'a A,
    input: A::Input,
    cx: &'a RunContext,
) -> BoxFuture<'a, Result<A::Output, AgentError>>
where
    A: BaseAgent,
    A::Input: Serialize,
    A::Output: Serialize + DeserializeOwned,
{
    Box::pin(cx.branch(input, |input| agent.run(input, cx)))
}
