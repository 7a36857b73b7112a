//! What a place is called, by a host and by Maniple, and what is ahead of the code at a place.

use std::num::NonZeroU32;

use maniple_core::{AgentError, BaseAgent, Budget, Effect, Key, Name, agent_fn};
use maniple_orchestration::MapReduce;
use maniple_testkit::Process;

use crate::common::*;

const TWICE: NonZeroU32 = NonZeroU32::new(2).unwrap();

#[tokio::test(start_paused = true)]
pub(crate) async fn an_index_and_a_name_of_digits_are_two_places() {
    let machine = new_machine(1);
    let run = machine.run().open().await.unwrap();
    let (index, name) = (run.context().child_at(5_u64), run.context().child_at("5"));
    assert_ne!(index.path(), name.path());
    for (cx, n) in [(&index, 1), (&name, 2)] {
        let stepped = cx.step("s", Effect::Idempotent, n, |n, _| async move { Ok(n) }).await;
        assert_eq!(stepped.unwrap(), n);
    }
}

#[test]
fn a_key_is_the_same_however_it_is_read() {
    let root = Key::new("");
    assert_eq!(Key::new("/"), root);
    assert_eq!(serde_json::from_str::<Key>("\"/\"").unwrap(), root);
    assert_eq!(serde_json::from_str::<Key>("\"\"").unwrap(), root);
    let key = Key::new("/a/map[5]!go");
    let written = serde_json::to_string(&key).unwrap();
    assert_eq!(serde_json::from_str::<Key>(&written).unwrap(), key);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_hosts_names_and_maniples_never_meet() {
    // Decisions that are named as Maniple's own are, beside a pattern, attempts and a deadline.
    let names = ["shape", "attempt", "deadline", "%shape", "%attempt", "%deadline"];
    let build = |_: Process| {
        agent_fn("a", move |(): (), cx| async move {
            let square = agent_fn("square", |n: u32, _| async move { Ok(n * n) });
            let squares = MapReduce::collect("map", square).durable().run(vec![1, 2], &cx).await?;
            let cx = cx.with_deadline(std::time::Duration::from_secs(60));
            let inner = cx.attempts("a", TWICE, |cx| async move {
                decide_all(&cx, &names).await?;
                Err::<(), _>(AgentError::transient("failed"))
            });
            assert_eq!(inner.await.map_err(|error| error.to_string()), Err("failed".into()));
            decide_all(&cx, &names).await?;
            Ok(squares)
        })
    };
    let machine = new_machine(1);
    // Once live, once replayed.
    for _ in 0..2 {
        assert_eq!(boot(&machine, build, ()).await.unwrap(), [1, 4]);
    }
    let decided = |key: &str| count(&machine, key, Kind::Decided);
    for name in names {
        assert_eq!(decided(&format!("/a:{}", Name::new(name))), 1, "{name}");
    }
    for own in ["/a:%shape", "/a:%deadline", "/a/a:%attempt"] {
        assert_eq!(decided(own), 1, "{own}");
    }
}

async fn decide_all(cx: &maniple_core::RunContext, names: &[&str]) -> Result<(), AgentError> {
    for name in names {
        let decided = cx.decide(name, || (*name).to_owned()).await?;
        assert_eq!(decided, *name);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_failed_branch_of_the_hosts_decides_no_map() {
    let agent = |_: Process| {
        agent_fn("a", |(): (), cx| async move {
            let parse = cx.child("parse");
            let parsed = parse
                .branch("x", |s| async move { s.parse::<u32>().map_err(AgentError::permanent) });
            let first = parsed.await.unwrap_or(0);
            let square = agent_fn("square", |n: u32, _| async move { Ok(n * n) });
            MapReduce::collect("map", square).durable().run(vec![first, 2], &cx).await
        })
    };
    let machine = new_machine(1);
    for _ in 0..2 {
        assert_eq!(boot(&machine, agent, ()).await.unwrap(), [0, 4]);
    }
    check(&machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_a_failed_attempt_decided_is_behind_its_version() {
    let build = |process: Process| {
        agent_fn("a", move |(): (), cx| {
            let process = process.clone();
            async move {
                cx.attempts("tries", TWICE, |cx| {
                    let process = process.clone();
                    async move {
                        let _: u32 = cx.decide("pick", || 1).await?;
                        let key = format!("{}/s", cx.path().as_str());
                        cx.step("s", Effect::Idempotent, (), |(), step| async move {
                            let first = process.world().executions(&key) == 0;
                            let failed = || Err(AgentError::transient("failed"));
                            process.perform(&step, || if first { failed() } else { Ok(()) }).await
                        })
                        .await
                    }
                })
                .await?;
                cx.version("v", 1).await
            }
        })
    };
    for at in ["live", "/a/tries/s"] {
        let machine = new_machine(1);
        if at != "live" {
            crash(&machine, after("/a/tries/s", Kind::Receipt), build, ()).await;
        }
        assert_eq!(boot(&machine, build, ()).await.unwrap(), 1, "{at}");
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn an_early_delivery_is_not_ahead_of_a_version() {
    let build = || {
        agent_fn("a", |(): (), cx| async move {
            cx.step("s", Effect::Idempotent, (), |(), _| async { Ok(()) }).await?;
            let version = cx.version("v", 1).await?;
            let _: u32 = cx.signal("go").await?;
            Ok(version)
        })
    };
    for reopened in [false, true] {
        let machine = new_machine(1);
        let mut run = machine.run().open().await.unwrap();
        run.deliver(&Key::new("/a!go"), &1).await.unwrap();
        if reopened {
            run = machine.run().open().await.unwrap();
        }
        assert_eq!(run.execute(build(), ()).await.unwrap(), 1, "reopened: {reopened}");
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_a_failed_map_left_is_behind_a_version() {
    let build = |_: Process| {
        agent_fn("a", |(): (), cx| async move {
            let one = agent_fn("one", |n: u32, _| async move {
                if n == 1 { Err(AgentError::permanent("no")) } else { Ok(n) }
            });
            let map = MapReduce::collect("m", one).with_concurrency(1).durable();
            // Failed for good, and this agent has a fallback.
            assert!(map.run(vec![0, 1], &cx.child("m")).await.is_err());
            cx.version("v", 1).await
        })
    };
    let machine = new_machine(1);
    assert_eq!(boot(&machine, build, ()).await.unwrap(), 1);
    let machine = new_machine(1);
    crash(&machine, after("/a/m[1]", Kind::Receipt), build, ()).await;
    assert_eq!(boot(&machine, build, ()).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_branch_wants_a_place_of_its_own() {
    // Its receipt makes the journal forget what lies inside its place: nothing else may lie there.
    let build = |process: Process| {
        agent_fn("a", move |(): (), cx| {
            let process = process.clone();
            async move {
                add_one(&cx, &process, "charge", Effect::Irreversible, 1).await?;
                let late = cx.branch((), |()| async { Ok(()) }).await.unwrap_err();
                assert!(matches!(late, AgentError::PlaceInUse { .. }), "{late}");
                let share = cx.clone().with_budget(Budget::tokens(1)).unwrap_err();
                assert!(matches!(share, AgentError::PlaceInUse { .. }), "{share}");

                let own = cx.child("own");
                own.branch((), |()| async { Ok(()) }).await?;
                let after = add_one(&own, &process, "after", Effect::Pure, 1).await.unwrap_err();
                assert!(matches!(after, AgentError::PlaceInUse { .. }), "{after}");
                Ok(())
            }
        })
    };
    let machine = new_machine(1);
    for _ in 0..2 {
        boot(&machine, build, ()).await.unwrap();
    }
    assert_eq!(machine.world().executions("/a/charge"), 1);
    assert_eq!(machine.world().executions("/a/own/after"), 0);
    check(&machine);
}
