use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tower_service::Service;

use super::Request;
use crate::agent::BaseAgent;
use crate::context::RunContext;
use crate::error::{AgentError, Class};

/// Makes an agent of a service.
///
/// Each run takes a clone of the service, waits until that clone is ready, and calls it: a limit or a
/// full buffer holds the agent back. The wait ends with the context, and nothing is called after its
/// deadline or cancellation. Dropping the agent's run drops the call. The agent is not a step: what
/// must not be called twice stands in a step, or behind a durable branch.
///
/// What an error means:
///
/// - One of `poll_ready` is [`Transient`](Class::Transient): the service was not called.
/// - One of the call is [`Indeterminate`](Class::Indeterminate), unless
///   [`with_classes`](ServiceAgent::with_classes) knows better: the service may have done what it
///   was asked before it failed. Nobody tries such a call again by themselves, and no journal takes
///   it for an outcome; a step that ends so is in doubt. That of tower's load shed, `Overloaded`, is
///   one of the call too, and is to be told as `Transient`.
/// - An [`AgentError`], also in a box, is what it is: the service had an agent inside.
///
/// ```
/// use std::io;
///
/// use maniple_core::tower::service_agent;
/// use maniple_core::{AgentError, Class, Run};
/// use tower::service_fn;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let parse = service_fn(|text: String| async move {
///     text.parse::<u64>().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
/// });
/// let parse = service_agent("parse", parse).with_classes(|error| match error.kind() {
///     io::ErrorKind::InvalidInput => Class::Permanent,
///     _ => Class::Indeterminate,
/// });
/// let run = Run::builder("example").open().await?;
/// assert_eq!(run.execute(parse, "42".into()).await?, 42);
/// # Ok(())
/// # }
/// ```
pub fn service_agent<S, I>(name: impl Into<String>, service: S) -> ServiceAgent<S, I, I>
where
    S: Service<I> + Clone + Send + 'static,
    I: Send + 'static,
{
    ServiceAgent::new(name.into(), service, |input, _| input)
}

/// Makes an agent of a service of [`Request`]s: an [`AgentService`](super::AgentService) with layers
/// around it.
///
/// As [`service_agent`], and the service is given the context too: the agent inside works in the
/// child `call` of the outer one's, as `/double/call`.
pub fn layered_agent<S, I>(name: impl Into<String>, service: S) -> ServiceAgent<S, I, Request<I>>
where
    S: Service<Request<I>> + Clone + Send + 'static,
    I: Send + 'static,
{
    ServiceAgent::new(name.into(), service, |input, cx| Request::new(cx.child("call"), input))
}

/// What an error means.
type Classes<E> = Box<dyn Fn(&E) -> Class + Send + Sync>;

/// An agent made of a service by [`service_agent`] or [`layered_agent`].
pub struct ServiceAgent<S: Service<R>, I, R> {
    name: String,
    /// Only cloned while it is locked, so that the service need not be `Sync`.
    service: Mutex<S>,
    request: fn(I, &RunContext) -> R,
    classes: Classes<S::Error>,
}

impl<S: Service<R> + Clone, I, R> ServiceAgent<S, I, R> {
    fn new(name: String, service: S, request: fn(I, &RunContext) -> R) -> Self {
        let classes = Box::new(|_: &S::Error| Class::Indeterminate);
        Self { name, service: Mutex::new(service), request, classes }
    }

    /// Says what an error of a call means, instead of
    /// [`Indeterminate`](Class::Indeterminate) for each. `Transient` and `Permanent` both claim that
    /// the service has not done what it was asked. For an error that is
    /// [`Classify`](crate::Classify) it is `Classify::class`.
    pub fn with_classes<F>(mut self, classes: F) -> Self
    where
        F: Fn(&S::Error) -> Class + Send + Sync + 'static,
    {
        self.classes = Box::new(classes);
        self
    }

    /// Waits until the service is ready, as long as the context goes on.
    async fn ready(service: &mut S, cx: &RunContext) -> Result<(), AgentError>
    where
        S::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let ready = cx.unless_stopped(poll_fn(|waker| service.poll_ready(waker))).await?;
        ready.map_err(|error| classed(Class::Transient, error))?;
        cx.check()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S, I, R> BaseAgent for ServiceAgent<S, I, R>
where
    S: Service<R> + Clone + Send + 'static,
    S::Response: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + 'static,
    S::Future: Send,
    I: Send + 'static,
    R: Send + 'static,
{
    type Input = I;
    type Output = S::Response;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, input: I, cx: &RunContext) -> Result<S::Response, AgentError> {
        // A clone is not ready because another one was: this one is asked, and this one is called.
        let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self::ready(&mut service, cx).await?;
        let called = service.call((self.request)(input, cx)).await;
        called.map_err(|error| classed((self.classes)(&error), error))
    }
}

impl<S, I, R> fmt::Debug for ServiceAgent<S, I, R>
where
    S: Service<R> + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAgent")
            .field("name", &self.name)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// An agent's own error as it is, any other in this class.
fn classed(class: Class, error: impl Into<Box<dyn Error + Send + Sync>>) -> AgentError {
    match error.into().downcast::<AgentError>() {
        Ok(own) => *own,
        Err(error) => AgentError::new(class, error),
    }
}
