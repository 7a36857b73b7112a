//! An end to what takes too long.

use std::fmt;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{BoxFuture, Either, select};
use tokio::time::sleep;

use crate::agent::BaseAgent;
use crate::context::RunContext;
use crate::decide::Verdict;
use crate::error::{AgentError, Class};
use crate::event::EventKind;
use crate::identity::{Key, Name};
use crate::scope::GRACE;

/// A decision of ours: no [`Name`](crate::Name) has this form.
static TIMEOUT: LazyLock<Name> = LazyLock::new(|| Name::verbatim("%timeout"));

/// How long an agent may work, and how long it may then take to end by itself.
///
/// A [`Duration`] is one without a grace.
///
/// ```
/// use std::time::Duration;
/// use maniple_core::policy::Timeout;
///
/// let timeout = Timeout::after(Duration::from_secs(30)).with_grace(Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout {
    after: Duration,
    grace: Duration,
}

impl Timeout {
    /// Ends an agent after so much working time.
    pub const fn after(working: Duration) -> Self {
        Self { after: working, grace: Duration::ZERO }
    }

    /// How long the agent may take, once its time is up, to end what it has in flight and to answer
    /// with what it has; nothing by default. An answer in this time counts, and so does that of an
    /// agent with something [shielded](crate::Scope::shielded) in it, which is waited for.
    pub const fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }
}

impl From<Duration> for Timeout {
    fn from(after: Duration) -> Self {
        Self::after(after)
    }
}

/// An agent that may not take too long; made by [`AgentExt::with_timeout`](crate::AgentExt::with_timeout).
#[derive(Clone)]
pub struct WithTimeout<A> {
    agent: A,
    timeout: Timeout,
}

impl<A> WithTimeout<A> {
    pub(crate) fn new(agent: A, timeout: Timeout) -> Self {
        Self { agent, timeout }
    }
}

impl<A: BaseAgent> fmt::Debug for WithTimeout<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.agent.name();
        f.debug_struct("WithTimeout").field("agent", &name).field("timeout", &self.timeout).finish()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A: BaseAgent> BaseAgent for WithTimeout<A> {
    type Input = A::Input;
    type Output = A::Output;

    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, input: A::Input, cx: &RunContext) -> Result<A::Output, AgentError> {
        let _hold = cx.hold()?;
        // Without a journal nobody comes by here again.
        let verdict = cx.env().run.journal.as_ref().map(|_| cx.verdict(&TIMEOUT));
        if let Some(error) = verdict.as_ref().map_or(Ok(None), |verdict| verdict.given(cx))? {
            // Nobody will come by what the agent has recorded.
            cx.env().run.history().pass_inside(cx.node.path());
            return Err(error);
        }
        let ends = cx.deadline_in(self.timeout.after);
        let limited = cx.clone().until(ends);
        // Where it had passed before the agent is come by, what was in time replays: nobody knows how
        // long that takes, and nothing new begins. Only a journal knows of such a time.
        let clock = &cx.env().run.clock;
        let ends = match verdict {
            Some(_) if clock.worked() >= ends => clock.worked().saturating_add(self.timeout.after),
            _ => ends,
        };
        let mut work = self.agent.run(input, &limited);
        match futures::poll!(&mut work) {
            Poll::Ready(Ok(output)) => Ok(output),
            // In a box, since what is ready at once needs no room for it.
            Poll::Ready(Err(error)) => Box::pin(self.end(cx, &limited, verdict, error)).await,
            Poll::Pending => Box::pin(self.wait(cx, &limited, verdict, ends, work)).await,
        }
    }
}

impl<A: BaseAgent> WithTimeout<A> {
    /// Lets an agent work until its time is up, and then end by itself.
    async fn wait(
        &self,
        cx: &RunContext,
        limited: &RunContext,
        verdict: Option<Verdict>,
        ends: Duration,
        work: BoxFuture<'_, Result<A::Output, AgentError>>,
    ) -> Result<A::Output, AgentError> {
        // Of an earlier deadline of the context the scope around it takes care, with a grace.
        let timer = std::pin::pin!(cx.env().run.clock.sleep_until(ends));
        let late = || AgentError::DeadlineExceeded { key: cx.path() };
        let result = match select(work, timer).await {
            Either::Left((result, _)) => result,
            Either::Right(((), work)) => {
                let over = std::pin::pin!(self.over(cx));
                match select(work, over).await {
                    Either::Left((result, _)) => result,
                    Either::Right(((), _)) => Err(late()),
                }
            }
        };
        match result {
            Ok(output) => Ok(output),
            Err(error) => self.end(cx, limited, verdict, error).await,
        }
    }

    /// Waits until an agent whose time is up is not waited for any more.
    async fn over(&self, cx: &RunContext) {
        let (grace, path) = (self.timeout.grace, cx.path());
        if !grace.is_zero() {
            sleep(grace).await;
        }
        let is_here = |place: &Key| *place == path || place.is_inside(&path);
        if cx.env().run.shields.lowered(is_here).await {
            // What comes of it is yet to be written down around it.
            sleep(grace.max(GRACE)).await;
        }
    }

    /// Journals that the time was up, before anybody hears of it.
    async fn end(
        &self,
        cx: &RunContext,
        limited: &RunContext,
        verdict: Option<Verdict>,
        error: AgentError,
    ) -> Result<A::Output, AgentError> {
        // An inner timeout, or the context's own deadline, is not this one.
        let is_ours = limited.env().is_past_deadline() && cx.check().is_ok();
        if error.class() == Class::DeadlineExceeded && is_ours {
            cx.emit(|| EventKind::TimedOut { after: self.timeout.after });
            if let Some(verdict) = verdict {
                verdict.give(cx, &error).await?;
            }
        }
        Err(error)
    }
}
