//! The agents that are tested.

use maniple_core::{AgentError, BaseAgent, Effect, RunContext, agent_fn};
use maniple_testkit::Process;

/// A step with an effect that the world sees, and which makes `n + 1` of `n`.
pub(crate) async fn add_one(
    cx: &RunContext,
    process: &Process,
    name: &str,
    effect: Effect,
    n: u64,
) -> Result<u64, AgentError> {
    let process = process.clone();
    cx.step(
        name,
        effect,
        n,
        move |n, step| async move { process.perform(&step, || Ok(n + 1)).await },
    )
    .await
}

/// A correct agent of two steps with this effect, which adds two.
pub(crate) fn adds_two(
    effect: Effect,
) -> impl Fn(Process) -> Box<dyn BaseAgent<Input = u64, Output = u64>> {
    move |process| {
        Box::new(agent_fn("adds", move |n: u64, cx| {
            let process = process.clone();
            async move {
                let n = add_one(&cx, &process, "first", effect, n).await?;
                add_one(&cx, &process, "second", effect, n).await
            }
        }))
    }
}

/// One that adds two as well, and then has something broken done to it.
pub(crate) fn broken<F, Fut>(
    then: F,
) -> impl Fn(Process) -> Box<dyn BaseAgent<Input = u64, Output = u64>>
where
    F: Fn(Process, RunContext, u64) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<u64, AgentError>> + Send + 'static,
{
    move |process| {
        let then = then.clone();
        Box::new(agent_fn("adds", move |n: u64, cx| {
            let (process, then) = (process.clone(), then.clone());
            async move {
                let n = add_one(&cx, &process, "first", Effect::Idempotent, n).await?;
                let n = add_one(&cx, &process, "second", Effect::Idempotent, n).await?;
                then(process, cx, n).await
            }
        }))
    }
}
