//! What time or arrival has settled stands, in every later process.

use maniple_core::{AgentError, BaseAgent, Effect, agent_fn};
use maniple_orchestration::{DeadLetter, MapReduce, Partial, Pipeline};
use maniple_testkit::Process;

use crate::common::*;

/// A step of the effect given that fails transiently when it first happens, in whatever process.
pub(crate) fn unsteady(
    process: &Process,
    effect: Effect,
) -> impl BaseAgent<Input = u64, Output = u64> + use<> {
    let process = process.clone();
    agent_fn("unsteady", move |n: u64, cx| {
        let process = process.clone();
        let key = format!("{}/try", cx.path().as_str());
        async move {
            cx.step("try", effect, n, |n, step| async move {
                let first = process.world().executions(&key) == 0;
                let once = || AgentError::transient("once");
                process.perform(&step, || if first { Err(once()) } else { Ok(n + 1) }).await
            })
            .await
        }
    })
}

/// What is the same in every process.
type Outcome = (Vec<u64>, Vec<(usize, String)>, Vec<usize>, Vec<usize>, Vec<usize>);

fn outcome(partial: Partial<Vec<u64>>) -> Outcome {
    let failed = partial.failed.iter();
    let failed = failed.map(|(index, error)| (*index, error.recorded().to_string())).collect();
    (partial.ok, failed, partial.cancelled, partial.skipped, partial.suspended)
}

/// Where the settlement of the map is written.
const SETTLED: &str = "/map:%settled";

/// Five inputs, of which two fail for now; their failures count, and so do some that succeed.
fn tolerant(
    process: &Process,
    needed: Option<usize>,
    limit: usize,
) -> impl BaseAgent<Input = Vec<u64>, Output = Partial<Vec<u64>>> + use<> {
    let (steady, shaky) =
        (two_steps(process.clone(), Effect::Reversible), unsteady(process, Effect::Pure));
    let (steady, shaky) = (std::sync::Arc::new(steady), std::sync::Arc::new(shaky));
    let either = agent_fn("either", move |n: u64, cx| {
        let (steady, shaky) = (steady.clone(), shaky.clone());
        async move { if n % 2 == 1 { shaky.run(n, &cx).await } else { steady.run(n, &cx).await } }
    });
    let map = MapReduce::collect("map", either).with_concurrency(limit).durable();
    match needed {
        None => map.collect_all(),
        Some(needed) => map.quorum(needed),
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn who_counts_stands() {
    for seed in 0..SEEDS {
        for needed in [None, Some(1), Some(2), Some(3)] {
            let machine = new_machine(seed);
            let inputs = vec![0, 1, 2, 3, 4];
            let build = |limit| move |process| tolerant(&process, needed, limit);
            crash(&machine, after(SETTLED, Kind::Decided), build(3), inputs.clone()).await;
            let effects = machine.world().effects();
            let resumed = boot(&machine, build(1), inputs.clone()).await.unwrap();
            let again = boot(&machine, build(3), inputs).await.unwrap();
            assert_eq!(machine.world().effects(), effects, "nothing runs again, nothing begins");
            let resumed = outcome(resumed);
            match needed {
                None => assert_eq!(resumed.1.len(), 2, "what failed for now has failed for good"),
                Some(needed) => assert_eq!(resumed.0.len(), needed),
            }
            assert_eq!(outcome(again), resumed);
            check(&machine);
        }
    }
}

/// A flow of numbers, of which the odd ones fail for now when they are first tried.
fn letters(process: Process) -> impl BaseAgent<Input = Vec<u64>, Output = Partial<Vec<u64>>> {
    let shaky = std::sync::Arc::new(unsteady(&process, Effect::Pure));
    let try_odd = agent_fn("try", move |n: u64, cx| {
        let shaky = shaky.clone();
        async move { if n % 2 == 1 { shaky.run(n, &cx).await } else { Ok(n) } }
    });
    let deliver = agent_fn("deliver", move |letter: DeadLetter<u64>, cx| {
        let process = process.clone();
        async move {
            let send = cx.step("send", Effect::Irreversible, letter.input, |n, step| async move {
                process.perform(&step, || Ok(n)).await
            });
            send.await.map(drop)
        }
    });
    Pipeline::new("flow", try_odd).with_concurrency(2).durable().flow().dead_letter(deliver)
}

#[tokio::test(start_paused = true)]
pub(crate) async fn who_was_given_up_stays_so() {
    let given_up = |_: usize, record: &maniple_core::Record| {
        let key = record.key.as_str();
        (key.starts_with("/flow/dead-letter[1]") && key.ends_with(":%settled"))
            .then_some(maniple_testkit::Moment::Unacknowledged)
    };
    for seed in 0..SEEDS {
        let machine = new_machine(seed);
        let inputs = vec![0, 1, 2, 3];
        crash(&machine, maniple_testkit::Crash::when(given_up), letters, inputs.clone()).await;
        let tried = |at: usize| machine.world().executions(&format!("/flow[{at}]/try/try"));
        let resumed = outcome(boot(&machine, letters, inputs.clone()).await.unwrap());
        assert_eq!(resumed.0[0], 0);
        let once = (1, "once".to_owned());
        assert_eq!(
            resumed.1.first(),
            Some(&once),
            "it was given up: {:?}",
            machine.world().effects()
        );
        assert!(tried(1) <= 1, "it is not tried again");
        let sent = machine.world().effects();
        let sent: Vec<usize> = sent
            .iter()
            .filter(|(key, _)| key.as_str().contains("dead-letter[1]"))
            .map(|(_, times)| *times)
            .collect();
        assert_eq!(sent, [1], "the letter is delivered once");
        assert_eq!(outcome(boot(&machine, letters, inputs).await.unwrap()), resumed);
        check(&machine);
    }
}
