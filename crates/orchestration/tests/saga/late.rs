//! Sagas that are taken back for longer than anybody around them would wait.

use std::time::Duration;

use maniple_core::policy::RetryPolicy;
use maniple_core::{
    AgentError, AgentExt, BaseAgent, Delivery, Effect, Key, MemoryJournal, agent_fn,
};
use maniple_orchestration::{Decision, ForkJoin, Saga};
use tokio::time::sleep;

use crate::basics::{How, step};
use crate::host::*;
use crate::world::*;

const SECOND: Duration = Duration::from_secs(1);

/// A step whose undo takes half a minute, and fails for good so often; then one that never ends.
fn saga(world: &World, fails: usize) -> Saga<(), ()> {
    let mut saga = Saga::builder("saga");
    let (acting, undoing) = (world.clone(), world.clone());
    saga.step("a")
        .run(Effect::Reversible, move |(), (), _| {
            acting.act("a");
            async { Ok(()) }
        })
        .undo(move |_, _| {
            let world = undoing.clone();
            async move {
                let (_going, tries) = world.begin("a", Event::BeginsUndo);
                sleep(30 * SECOND).await;
                if tries <= fails {
                    return Err(AgentError::permanent("stuck"));
                }
                world.undo("a");
                Ok(())
            }
        });
    step(&mut saga, world, "b", How::Sleeps);
    saga.build(()).unwrap()
}

const UNDO: &str = "/saga/undo[a]/operator!decision";

fn is_parked_at(error: &AgentError, key: &str) -> bool {
    matches!(error, AgentError::Parked { step, .. } if *step == Key::new(key))
}

/// Lets the undo be tried again, and the saga end.
async fn retry<A: BaseAgent<Input = ()>>(journal: &MemoryJournal, agent: A) -> AgentError {
    let run = open(journal).await;
    let delivered = run.deliver(&Key::new(UNDO), &Decision::Retry).await.unwrap();
    assert_eq!(delivered, Delivery::Accepted);
    run.execute(agent, ()).await.map(drop).unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn cancelled_it_says_that_it_is_parked() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let run = open(&journal).await;
    let (ended, ()) = tokio::join!(run.execute(saga(&world, 1), ()), async {
        sleep(SECOND).await;
        run.cancel();
    });
    let error = ended.unwrap_err();
    assert!(is_parked_at(&error, UNDO), "{error}");
    compensated(&retry(&journal, saga(&world, 1)).await);
    assert_eq!(world.log(), ["a", "-b", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn out_of_time_it_is_neither_forgotten_nor_begun_again_meanwhile() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let build = || saga(&world, 1).with_timeout(SECOND).with_retry(RetryPolicy::network());
    let error = open(&journal).await.execute(build(), ()).await.unwrap_err();
    assert!(is_parked_at(&error, UNDO), "{error}");
    compensated(&retry(&journal, build()).await);
    assert_eq!(world.log(), ["a", "-b", "-a"]);
    assert_eq!(world.violations(), [""; 0]);
}

/// As `Run::execute` says, an execution may meet what is left of one that was dropped.
#[tokio::test(start_paused = true)]
async fn dropped_and_executed_again_at_once_it_asks_nobody() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let run = open(&journal).await;
    let dropped = tokio::time::timeout(SECOND, run.execute(saga(&world, 0), ()));
    dropped.await.unwrap_err();
    sleep(10 * SECOND).await;
    let error = run.execute(saga(&world, 0), ()).await.unwrap_err();
    assert!(matches!(error, AgentError::ConcurrentStep { .. }), "{error}");
    run.quiesce().await;
    compensated(&run.execute(saga(&world, 0), ()).await.unwrap_err());
    assert_eq!(world.log(), ["a", "-b", "-a"]);
}

#[test]
fn out_of_time_and_killed_it_is_taken_back() {
    let whole = Host::new(Oracle::Parks);
    let run = |host: &Host, crash| host.boot(saga(&host.world, 0).with_timeout(SECOND), (), crash);
    assert!(matches!(run(&whole, None), Ended::Returned(_)));
    for place in 0..whole.journal.records().len() {
        for moment in Moment::ALL {
            let host = Host::new(Oracle::Parks);
            let mut crash = Some((place, moment));
            let ended = loop {
                if let Ended::Returned(ended) = run(&host, crash.take()) {
                    break ended;
                }
            };
            compensated(&ended.unwrap_err());
            assert_eq!(host.world.standing(), [""; 0], "{place}, {moment:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_decided_of_a_saga_beside_one_that_fails_is_done() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let build = || {
        let fails = agent_fn("fails", |(): (), _| async {
            sleep(SECOND).await;
            Err::<(), _>(AgentError::permanent("no"))
        });
        ForkJoin::new("beside", (saga(&world, 1), fails)).durable()
    };
    let key = "/beside[0]/undo[a]/operator!decision";
    let run = open(&journal).await;
    let error = run.execute(build(), ()).await.unwrap_err();
    assert!(is_parked_at(&error, key), "{error}");
    run.deliver(&Key::new(key), &Decision::Retry).await.unwrap();
    run.execute(build(), ()).await.unwrap_err();
    assert_eq!(world.standing(), [""; 0]);
}
