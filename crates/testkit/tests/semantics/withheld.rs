//! Row *withheld receipt*.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use maniple_core::{
    AgentError, BaseAgent, Budget, Class, Doubt, Effect, Fact, Outcome, Payload, Reconciled,
    RunBuilder, agent_fn, reconciler_fn,
};
use maniple_orchestration::{MapReduce, Pipeline};
use maniple_testkit::{Crash, Ended, Machine, Process};

use crate::common::*;

const FIRST: &str = "/two/first";
const STAGE: &str = "/flow/two";

/// A machine whose store withholds the outputs of these keys, as often as they are written.
fn withholding(seed: u64, keys: &'static [&'static str]) -> Machine {
    new_machine(seed).withholding(|record| keys.contains(&record.key.as_str()))
}

/// A machine whose store withholds the first output of this key.
fn withholding_once(seed: u64, key: &'static str) -> Machine {
    let done = AtomicBool::new(false);
    new_machine(seed).withholding(move |record| {
        let receipt = is(record, key, Kind::Receipt);
        receipt && !done.swap(true, Ordering::Relaxed)
    })
}

/// How many receipts of this key say with what it ended, and how many do not.
fn receipts(machine: &Machine, key: &str) -> (usize, usize) {
    let records = machine.records();
    let outcomes =
        records.iter().filter(|record| record.key.as_str() == key).filter_map(|record| {
            let Fact::Receipt { outcome, .. } = &record.fact else { return None };
            Some(*outcome == Outcome::Withheld)
        });
    let (withheld, whole): (Vec<bool>, _) = outcomes.partition(|withheld| *withheld);
    (whole.len(), withheld.len())
}

/// A durable pipeline of one stage, with a step of the effect given.
fn flow(effect: Effect) -> impl Fn(Process) -> Flow {
    move |process| Box::new(Pipeline::new("flow", two_steps(process, effect)).durable())
}

type Flow = Box<dyn BaseAgent<Input = u64, Output = u64>>;

#[tokio::test(start_paused = true)]
pub(crate) async fn live() {
    const TWICE: std::num::NonZeroU32 = std::num::NonZeroU32::new(2).unwrap();
    for effect in EFFECTS {
        // The second attempt comes by a step and a branch again, whose receipts were withheld.
        let build = |process: Process| {
            agent_fn("two", move |n: u64, cx| {
                let process = process.clone();
                async move {
                    let failed = AtomicBool::new(false);
                    let failed = &failed;
                    cx.attempts("tries", TWICE, |cx| {
                        let process = process.clone();
                        async move {
                            let n = add_one(&cx, &process, "first", effect, n).await?;
                            let inner = cx.child("inner");
                            let work = |n| add_one(&inner, &process, "second", effect, n);
                            let n = inner.branch(n, work).await?;
                            if failed.swap(true, Ordering::Relaxed) {
                                return Ok(n);
                            }
                            Err(AgentError::transient("once"))
                        }
                    })
                    .await
                }
            })
        };
        let keys = &["/two/tries/first", "/two/tries/inner"];
        let machine = withholding(1, keys);
        assert_eq!(boot(&machine, build, 1).await.unwrap(), 3, "this process keeps what it knows");
        for key in keys {
            assert_eq!(receipts(&machine, key), (0, 1), "{key}");
        }
        assert_eq!(machine.world().executions("/two/tries/first"), 1);
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_before_intent() {
    for effect in JOURNALED {
        // The next process dies before it is written that the step runs again: it has not.
        let machine = withholding(2, &[FIRST]);
        let build = |p| two_steps(p, effect);
        crash(&machine, after(FIRST, Kind::Receipt), build, 1).await;
        let asked = Arc::new(AtomicUsize::new(0));
        let configure = |run: RunBuilder| {
            let asked = asked.clone();
            run.with_reconciler(reconciler_fn(move |doubt| {
                assert_eq!(doubt.why, Doubt::Withheld);
                asked.fetch_add(1, Ordering::Relaxed);
                std::future::ready(Reconciled::Rerun)
            }))
        };
        assert!(machine.boot(before(FIRST, Kind::Intent), configure, build, 1).await.is_crash());
        assert_eq!(machine.world().executions(FIRST), 1);
        let resumed = machine.boot(Crash::never(), configure, build, 1).await.result();
        assert_eq!(resumed.unwrap(), 3);
        assert_eq!(machine.world().executions(FIRST), 2);
        let expected = if effect.may_repeat() { 0 } else { 2 };
        assert_eq!(asked.load(Ordering::Relaxed), expected, "it is asked again");
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_intent() {
    for effect in JOURNALED {
        // It runs again, and the process dies: from then on it is a step without a receipt.
        let machine = withholding(3, &[FIRST]);
        let build = |p| two_steps(p, effect);
        crash(&machine, after(FIRST, Kind::Receipt), build, 1).await;
        let rerun = |run: RunBuilder| {
            run.with_reconciler(reconciler_fn(|_| std::future::ready(Reconciled::Rerun)))
        };
        assert!(machine.boot(after(FIRST, Kind::Intent), rerun, build, 1).await.is_crash());
        let park = |run: RunBuilder| {
            run.with_reconciler(reconciler_fn(|doubt| {
                assert_eq!(doubt.why, Doubt::NoReceipt);
                std::future::ready(Reconciled::Park("ask".into()))
            }))
        };
        let resumed = machine.boot(Crash::never(), park, build, 1).await.result();
        if effect.may_repeat() {
            assert_eq!(resumed.unwrap(), 3);
        } else {
            assert_eq!(class(&resumed), Some(Class::Parked));
        }
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_receipt() {
    for effect in EFFECTS {
        let machine = withholding(4, &[FIRST]);
        crash(&machine, after(FIRST, Kind::Receipt), |p| two_steps(p, effect), 1).await;
        let ended = machine.boot(Crash::never(), |run| run, |p| two_steps(p, effect), 1).await;
        let Ended::Returned(resumed, stats) = ended else { panic!("it was not to die again") };
        assert_eq!(stats.in_doubt, 1);
        if effect.may_repeat() {
            assert_eq!(resumed.unwrap(), 3);
            assert_eq!(machine.world().executions(FIRST), 2);
        } else {
            let error = resumed.unwrap_err();
            assert!(matches!(&error, AgentError::Parked { step, .. } if step.as_str() == FIRST));
            assert!(error.to_string().contains("its output was withheld"), "{error}");
            assert_eq!(machine.world().executions(FIRST), 1, "it has happened");
        }
        check(&machine);

        // A branch is entered again, and its steps replay.
        let machine = withholding(4, &[STAGE]);
        crash(&machine, after(STAGE, Kind::Receipt), flow(effect), 1).await;
        assert_eq!(boot(&machine, flow(effect), 1).await.unwrap(), 3);
        assert_eq!(machine.world().executions("/flow/two/first"), 1);
        assert_eq!(count(&machine, STAGE, Kind::Entered), 1, "it is entered again silently");
        assert_eq!(receipts(&machine, STAGE), (0, 2));
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn resume() {
    // What it was given is compared.
    let machine = withholding(5, &[FIRST, STAGE]);
    crash(&machine, after(FIRST, Kind::Receipt), |p| two_steps(p, Effect::Pure), 1).await;
    let diverged = boot(&machine, |p| two_steps(p, Effect::Pure), 99).await;
    assert_eq!(class(&diverged), Some(Class::Diverged));
    let machine = withholding(5, &[FIRST, STAGE]);
    crash(&machine, after(STAGE, Kind::Receipt), flow(Effect::Pure), 1).await;
    assert_eq!(class(&boot(&machine, flow(Effect::Pure), 99).await), Some(Class::Diverged));

    // Each answer of a reconciler is taken, and stands where the store keeps it.
    let answers = [
        (Reconciled::Rerun, Ok(3), 1),
        (Reconciled::Completed(Payload::encode(&7).unwrap()), Ok(8), 1),
        (Reconciled::Failed("declined".into()), Err(Class::Permanent), 1),
        (Reconciled::Park("ask".into()), Err(Class::Parked), 2),
    ];
    for effect in [Effect::Reversible, Effect::Irreversible] {
        for (answer, expected, times) in answers.clone() {
            let machine = withholding_once(6, FIRST);
            let build = |p| two_steps(p, effect);
            crash(&machine, after(FIRST, Kind::Receipt), build, 1).await;
            let asked = Arc::new(AtomicUsize::new(0));
            for _ in 0..2 {
                let (answer, asked) = (answer.clone(), asked.clone());
                let reconciler = reconciler_fn(move |doubt| {
                    assert_eq!((doubt.why, doubt.key.as_str()), (Doubt::Withheld, FIRST));
                    asked.fetch_add(1, Ordering::Relaxed);
                    std::future::ready(answer.clone())
                });
                let configure = |run: RunBuilder| run.with_reconciler(reconciler);
                let ended = machine.boot(Crash::never(), configure, build, 1).await;
                assert_eq!(ended.result().map_err(|error| error.class()), expected);
            }
            assert_eq!(asked.load(Ordering::Relaxed), times);
            check(&machine);
        }
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn inside_a_parallel_branch() {
    let inputs = vec![10, 20, 30, 40];
    for seed in 0..SEEDS {
        for effect in EFFECTS {
            let build = |p| in_parallel(p, effect);
            let machine = withholding(seed, &["/map[1]/first", "/map[2]"]);
            crash(&machine, after("/map[2]", Kind::Receipt), build, inputs.clone()).await;
            let done: Vec<String> = (0..4)
                .map(|i| format!("/map[{i}]"))
                .filter(|branch| receipts(&machine, branch).0 == 1)
                .collect();
            let before = machine.world().effects();
            let resumed = boot(&machine, build, inputs.clone()).await;
            match class(&resumed) {
                None => assert_eq!(resumed.unwrap(), [12, 22, 32, 42]),
                // A step was in doubt, or not kept.
                class => assert_eq!((class, effect.may_repeat()), (Some(Class::Parked), false)),
            }
            for (key, times) in machine.world().effects() {
                if done.iter().any(|branch| key.as_str().starts_with(&format!("{branch}/"))) {
                    assert_eq!(before.get(&key), Some(&times), "{key} lies in a finished branch");
                }
            }
            assert_eq!(machine.world().executions("/map[2]/first"), 1, "its steps replay");
            check(&machine);
        }
    }
    // One whose step is not kept either: the others are answered.
    for effect in EFFECTS {
        let build = |p| in_parallel(p, effect);
        let machine = withholding(1, &["/map[1]/first", "/map[1]"]);
        boot(&machine, build, inputs.clone()).await.unwrap();
        let resumed = boot(&machine, build, inputs.clone()).await;
        for i in [0, 2, 3] {
            assert_eq!(machine.world().executions(&format!("/map[{i}]/first")), 1);
        }
        let times = machine.world().executions("/map[1]/first");
        if effect.may_repeat() {
            assert_eq!((resumed.unwrap(), times), (vec![12, 22, 32, 42], 2));
        } else {
            let error = resumed.unwrap_err();
            let step = "/map[1]/first";
            assert!(matches!(&error, AgentError::Parked { step: at, .. } if at.as_str() == step));
            assert_eq!(times, 1);
        }
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_was_withheld_is_spent_once_and_running_again_beside_it() {
    let limit = |run: RunBuilder| run.with_budget(Budget::tokens(100));
    let build = |_: Process| {
        agent_fn("a", |(): (), cx| async move {
            let inner = cx.child("inner");
            let work = |()| async {
                let options = Effect::Idempotent.reserving(Budget::tokens(40));
                inner
                    .step("s", options, (), |(), step| async move {
                        step.spend(Budget::tokens(30));
                        Ok(())
                    })
                    .await
            };
            inner.branch((), work).await?;
            Ok(cx.remaining().tokens)
        })
    };
    let left = async |machine: &Machine| {
        limit(machine.run()).open().await.unwrap().context().remaining().tokens
    };
    // The branch is entered again, and has used what its steps have.
    let machine = withholding(1, &["/a/inner"]);
    for _ in 0..3 {
        let ended = machine.boot(Crash::never(), limit, build, ()).await.result();
        assert_eq!((ended.unwrap(), left(&machine).await), (70, 70));
    }
    // The step runs again, and uses as much again.
    let machine = withholding_once(1, "/a/inner/s");
    assert!(machine.boot(after("/a/inner/s", Kind::Receipt), limit, build, ()).await.is_crash());
    assert_eq!(left(&machine).await, 70);
    for _ in 0..3 {
        let ended = machine.boot(Crash::never(), limit, build, ()).await.result();
        assert_eq!((ended.unwrap(), left(&machine).await), (40, 40));
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn another_output_than_the_one_withheld_diverges_where_it_is_used() {
    let build = |process: Process| {
        agent_fn("two", move |(): (), cx| {
            let number = process.number();
            async move {
                let first = |(), _| async move { Ok(number) };
                let first: u64 = cx.step("first", Effect::Pure, (), first).await?;
                cx.step("second", Effect::Pure, first, |n, _| async move { Ok(n) }).await
            }
        })
    };
    let machine = withholding(1, &[FIRST]);
    assert_eq!(boot(&machine, build, ()).await.unwrap(), 0);
    let error = boot(&machine, build, ()).await.unwrap_err();
    assert!(matches!(&error, AgentError::Diverged { key, .. } if key.as_str() == "/two/second"));
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_was_withheld_is_not_open() {
    // The first branch ends with its output withheld, then the second one decides the map.
    let one = |process: Process| {
        let fails = agent_fn("one", move |n: u64, cx| {
            let process = process.clone();
            async move {
                let n = add_one(&cx, &process, "do", Effect::Irreversible, n).await?;
                if n == 1 { Ok(n) } else { Err(AgentError::permanent("no")) }
            }
        });
        MapReduce::collect("map", fails).with_concurrency(1).durable()
    };
    let machine = withholding(1, &["/map[0]", "/map[0]/do"]);
    for _ in 0..2 {
        let failed = boot(&machine, one, vec![0, 1]).await;
        assert_eq!(class(&failed), Some(Class::Permanent), "nobody is asked what happened");
        assert_eq!(machine.world().executions("/map[0]/do"), 1);
        let abandoned = |fact: &Fact| matches!(fact, Fact::Abandoned);
        assert!(!machine.records().iter().any(|record| abandoned(&record.fact)));
        check(&machine);
    }
}
