use std::fmt::{self, Debug};

use maniple_core::{AgentError, BaseAgent, MemoryJournal, Run, RunId};

/// How an agent that was run a second time has shown that it is not idempotent.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotIdempotent<O, S> {
    /// It failed the first time, so there is nothing to do again.
    Failed(AgentError),
    /// It succeeded, and failed when it was run again.
    FailedAgain(AgentError),
    /// It returned something else.
    Outputs {
        /// What it returned first.
        first: O,
        /// What it returned then.
        second: O,
    },
    /// It changed what is outside of it once more.
    World {
        /// What was outside after it had run once.
        once: S,
        /// What was outside after it had run twice.
        twice: S,
    },
}

impl<O: Debug, S: Debug> fmt::Display for NotIdempotent<O, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => {
                write!(f, "cannot tell whether the agent is idempotent, for it failed: {error}")
            }
            Self::FailedAgain(error) => write!(f, "run again, the agent failed: {error}"),
            Self::Outputs { first, second } => {
                write!(f, "run again, the agent returned {second:?} instead of {first:?}")
            }
            Self::World { once, twice } => {
                write!(f, "run again, the agent changed the world from {once:?} to {twice:?}")
            }
        }
    }
}

impl<O: Debug, S: Debug> std::error::Error for NotIdempotent<O, S> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) | Self::FailedAgain(error) => Some(error),
            Self::Outputs { .. } | Self::World { .. } => None,
        }
    }
}

/// Runs an agent twice with the same input, the second time as a run that has lost all its receipts
/// would: under the same run id, and so with the same idempotency keys. What `observe` sees of the
/// world, and what the agent returns, must be the same both times.
///
/// An agent whose steps are [`Idempotent`](maniple_core::Effect::Idempotent) is one that passes. It is
/// only as good as `observe`: a change that is not seen there is not noticed.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::{Arc, Mutex};
///
/// use maniple_core::{AgentError, Effect, agent_fn};
/// use maniple_orchestration::testkit::check_agent_idempotent;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // A payment service that charges once for each idempotency key.
/// let charges = Arc::new(Mutex::new(BTreeMap::new()));
/// let build = || {
///     let charges = charges.clone();
///     agent_fn("pay", move |cents: u64, cx| {
///         let charges = charges.clone();
///         async move {
///             cx.step("charge", Effect::Idempotent, cents, |cents, step| async move {
///                 charges.lock().unwrap().insert(step.idempotency_key().to_string(), cents);
///                 Ok::<_, AgentError>(cents)
///             })
///             .await
///         }
///     })
/// };
/// let total = async || charges.lock().unwrap().values().sum::<u64>();
/// check_agent_idempotent(build, 5, total).await.unwrap();
/// # }
/// ```
///
/// # Errors
/// What differs.
///
/// # Cancel safety
/// Dropped, the agent may have run once, or in part.
pub async fn check_agent_idempotent<A, S>(
    build: impl Fn() -> A,
    input: A::Input,
    observe: impl AsyncFn() -> S,
) -> Result<(), NotIdempotent<A::Output, S>>
where
    A: BaseAgent<Input: Clone, Output: PartialEq>,
    S: PartialEq,
{
    let first = run(build(), input.clone()).await.map_err(NotIdempotent::Failed)?;
    let once = observe().await;
    let second = run(build(), input).await;
    let twice = observe().await;
    // What became of the world says more than what was returned.
    if once != twice {
        return Err(NotIdempotent::World { once, twice });
    }
    let second = second.map_err(NotIdempotent::FailedAgain)?;
    if first != second {
        return Err(NotIdempotent::Outputs { first, second });
    }
    Ok(())
}

async fn run<A: BaseAgent>(agent: A, input: A::Input) -> Result<A::Output, AgentError> {
    let run = Run::builder("idempotent")
        .with_id(RunId::new("idempotent"))
        .with_journal(MemoryJournal::new())
        .open()
        .await?;
    let result = run.execute(agent, input).await;
    run.quiesce().await;
    result
}
