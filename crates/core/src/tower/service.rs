use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tower_service::Service;

use crate::agent::BaseAgent;
use crate::context::RunContext;
use crate::error::AgentError;

/// What an agent is asked as a service: its input, and the place in a run where it works on it.
///
/// The place is the caller's to choose, because what arrives at a service has no order that would be
/// the same in the next process. Requests that may be in flight at the same time each get a
/// [`child_at`](RunContext::child_at) of a key of their own; so a resumed run finds their steps
/// again.
///
/// It cannot be cloned, so a layer that calls twice, such as a retry, has to be told how: with what
/// context. Two calls in one context are two pieces of work, and the second replays nothing of the
/// first; [`RunContext::attempts`] is what tries again.
#[derive(Debug)]
pub struct Request<I> {
    /// Where the agent runs.
    pub cx: RunContext,
    /// What it works on.
    pub input: I,
}

impl<I> Request<I> {
    /// A request to work on an input in this context.
    pub fn new(cx: RunContext, input: I) -> Self {
        Self { cx, input }
    }
}

/// An agent as a [`Service`] of [`Request`]s.
///
/// It is always ready: what holds callers back is a layer around it. A call runs the agent in the
/// context of its request, as [`RunContext::invoke`] does: its start and end are told, and a panic is
/// its error, [`Panicked`](AgentError::Panicked). It runs where the response is polled and in no task
/// of its own. So dropping the response drops the agent, which to the journal is a crash: finished
/// steps are kept, one in flight is in doubt. A run that is cancelled asks the agent to stop; a
/// [`Scope`](crate::Scope) around the call is what also ends one that does not.
///
/// ```
/// use maniple_core::tower::{AgentService, Request};
/// use maniple_core::{AgentError, Run, agent_fn};
/// use tower::{Service, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let mut shout = AgentService::new(agent_fn("shout", |text: String, _cx| async move {
///     Ok(text.to_uppercase())
/// }));
/// let run = Run::builder("example").open().await?;
/// let here = run.context().child_at("request-17");
/// let said = shout.ready().await?.call(Request::new(here, "hello".into())).await?;
/// assert_eq!(said, "HELLO");
/// # Ok(())
/// # }
/// ```
pub struct AgentService<A>(Arc<A>);

impl<A: BaseAgent> AgentService<A> {
    /// Makes a service of an agent.
    pub fn new(agent: A) -> Self {
        Self(Arc::new(agent))
    }
}

impl<A> Clone for AgentService<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: BaseAgent> fmt::Debug for AgentService<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AgentService").field(&self.0.name()).finish()
    }
}

impl<A: BaseAgent> Service<Request<A::Input>> for AgentService<A> {
    type Response = A::Output;
    type Error = AgentError;
    type Future = BoxFuture<'static, Result<A::Output, AgentError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AgentError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<A::Input>) -> Self::Future {
        let agent = self.0.clone();
        let Request { cx, input } = request;
        Box::pin(async move { cx.invoke(|cx| async move { agent.run(input, &cx).await }).await })
    }
}
