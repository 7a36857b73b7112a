//! What a step of a saga costs over the same durable step in a pipeline.

use std::sync::Arc;

use benches::table::{Bar, Failed, Fastest};
use maniple::bundles::{Meta, Sessions};
use maniple::core::{AgentError, BaseAgent, Effect, Journal, MemoryJournal, Run, agent_fn};
use maniple::orchestration::{Pipeline, Saga};
use tokio::runtime::Runtime;

const STEPS: u64 = 10;
const REPEATS: usize = 200;
const TURNS: usize = 25;
/// On the disk, where each step waits for it twice.
const REPEATS_ON_DISK: usize = 4;
const TURNS_ON_DISK: usize = 12;

const BAR: Bar = Bar::Ratio(1.2);

pub(crate) fn rows(runtime: &Runtime) -> Result<(), Failed> {
    let (saga, pipeline) = (Arc::new(saga()?), Arc::new(pipeline()));
    let [mut of_saga, mut of_pipeline] = [Fastest::default(); 2];
    for _ in 0..TURNS {
        of_saga.turn(runtime, in_memory(saga.clone()))?;
        of_pipeline.turn(runtime, in_memory(pipeline.clone()))?;
    }
    BAR.judge("saga of 10 steps, over them in a durable Pipeline", of_saga, of_pipeline);

    let folder = tempfile::tempdir()?;
    let sessions = Sessions::in_dir(folder.path());
    let [mut of_saga, mut of_pipeline] = [Fastest::default(); 2];
    for _ in 0..TURNS_ON_DISK {
        of_saga.turn(runtime, on_disk(sessions.clone(), saga.clone()))?;
        of_pipeline.turn(runtime, on_disk(sessions.clone(), pipeline.clone()))?;
    }
    BAR.judge("  the same on the disk, each step synced", of_saga, of_pipeline);
    Ok(())
}

async fn in_memory<A: Adds>(agent: Arc<A>) -> Result<(), Failed> {
    for _ in 0..REPEATS {
        execute(agent.clone(), MemoryJournal::new()).await?;
    }
    Ok(())
}

async fn on_disk<A: Adds>(sessions: Sessions, agent: Arc<A>) -> Result<(), Failed> {
    for _ in 0..REPEATS_ON_DISK {
        execute(agent.clone(), sessions.create(Meta::new("bench")).await?).await?;
    }
    Ok(())
}

async fn execute<A: Adds>(agent: Arc<A>, journal: impl Journal) -> Result<(), Failed> {
    let run = Run::builder("bench").with_journal(journal).open().await?;
    let made = run.execute(agent, 0).await?;
    let lost = || format!("{made} steps were done, not {STEPS}");
    if made == STEPS { Ok(()) } else { Err(lost().into()) }
}

/// An agent that adds one in each step.
trait Adds: BaseAgent<Input = u64, Output = u64> {}
impl<A: BaseAgent<Input = u64, Output = u64>> Adds for A {}

fn saga() -> Result<Saga<u64, u64>, Failed> {
    let mut saga = Saga::builder("saga");
    let add = |_, n: u64, _| async move { Ok::<_, AgentError>(n + 1) };
    let first = |n: u64, (), _| async move { Ok::<_, AgentError>(n + 1) };
    let mut last = saga.step("0").run(Effect::Idempotent, first).undo(|_, _| async { Ok(()) });
    for step in 1..STEPS {
        let step = saga.step(step.to_string()).given(last);
        last = step.run(Effect::Idempotent, add).undo(|_, _| async { Ok(()) });
    }
    Ok(saga.build(last)?)
}

/// Ten stages, each with one step.
fn pipeline() -> impl BaseAgent<Input = u64, Output = u64> {
    Pipeline::new("pipeline", stage(0))
        .then(stage(1))
        .then(stage(2))
        .then(stage(3))
        .then(stage(4))
        .then(stage(5))
        .then(stage(6))
        .then(stage(7))
        .then(stage(8))
        .then(stage(9))
        .durable()
}

fn stage(number: u64) -> impl BaseAgent<Input = u64, Output = u64> {
    agent_fn(number.to_string(), |n: u64, cx| async move {
        cx.step("step", Effect::Idempotent, n, |n, _| async move { Ok(n + 1) }).await
    })
}
