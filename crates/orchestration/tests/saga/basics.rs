use std::time::Duration;

use futures::StreamExt;
use maniple_core::{AgentError, BaseAgent, Class, Effect, EventKind, Key, MemoryJournal, agent_fn};
use maniple_orchestration::{Compensated, Decision, Saga, SagaBuilder};
use tokio::time::sleep;

use crate::world::*;

/// How a step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Done,
    Fails,
    Panics,
    Lost,
    Sleeps,
}

/// Adds a reversible step, which ends like that; its undo fails so many times for good.
pub(crate) fn step(
    saga: &mut SagaBuilder<()>,
    world: &World,
    name: &'static str,
    how: How,
) -> maniple_orchestration::Handle<u64> {
    let (acting, undoing) = (world.clone(), world.clone());
    saga.step(name)
        .run(Effect::Reversible, move |(), (), _| {
            let world = acting.clone();
            async move {
                match how {
                    How::Fails => return Err(AgentError::permanent("no")),
                    How::Panics => panic!("oh"),
                    How::Sleeps => sleep(Duration::from_secs(3600)).await,
                    How::Done | How::Lost => {}
                }
                world.act(name);
                if how == How::Lost {
                    return Err(AgentError::new(Class::Indeterminate, "the answer was lost"));
                }
                Ok(7)
            }
        })
        .undo(move |_, _| {
            let world = undoing.clone();
            async move {
                world.undo(name);
                Ok(())
            }
        })
}

fn compensated(error: &AgentError) -> Compensated {
    match error {
        AgentError::Failed { source, .. } => {
            source.downcast_ref::<Compensated>().expect("it is compensated").clone()
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn it_commits() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let mut saga = Saga::builder("saga");
    let a = step(&mut saga, &world, "a", How::Done);
    let b = step(&mut saga, &world, "b", How::Done);
    let saga = saga.build((a, b)).unwrap();
    assert_eq!(open(&journal).await.execute(saga, ()).await.unwrap(), (7, 7));
    assert_eq!(world.log(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn it_compensates_in_reverse() {
    for (how, doubt) in [(How::Fails, &[][..]), (How::Panics, &["-c"]), (How::Lost, &["c", "-c"])] {
        let (world, journal) = (World::default(), MemoryJournal::new());
        let build = || {
            let mut saga = Saga::builder("saga");
            step(&mut saga, &world, "a", How::Done);
            step(&mut saga, &world, "b", How::Done);
            step(&mut saga, &world, "c", how);
            saga.build(()).unwrap()
        };
        let error = open(&journal).await.execute(build(), ()).await.unwrap_err();
        let ended = compensated(&error);
        assert_eq!(&*ended.step, "c");
        let mut log = vec!["a", "b"];
        log.extend(doubt);
        log.extend(["-b", "-a"]);
        assert_eq!(world.log(), log, "{how:?}");
        assert_eq!(world.standing(), Vec::<String>::new());
        // It has ended.
        let again = open(&journal).await.execute(build(), ()).await.unwrap_err();
        assert_eq!(again.recorded(), error.recorded());
        assert_eq!(world.log(), log);
    }
}

/// One that is done, and one that never ends.
fn that_sleeps(world: &World) -> Saga<(), ()> {
    let mut saga = Saga::builder("saga");
    step(&mut saga, world, "a", How::Done);
    step(&mut saga, world, "b", How::Sleeps);
    saga.build(()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn cancelled_it_compensates() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let run = open(&journal).await;
    let saga = that_sleeps(&world);
    let (ended, ()) = tokio::join!(run.execute(saga, ()), async {
        sleep(Duration::from_secs(1)).await;
        run.cancel();
    });
    assert_eq!(&*compensated(&ended.unwrap_err()).step, "b");
    assert_eq!(world.log(), ["a", "-b", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn dropped_it_compensates() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let run = open(&journal).await;
    let executing = run.execute(that_sleeps(&world), ());
    tokio::time::timeout(Duration::from_secs(1), executing).await.unwrap_err();
    run.quiesce().await;
    assert_eq!(world.log(), ["a", "-b", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn let_alone_it_compensates_while_others_go_on() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let saga = std::sync::Arc::new(that_sleeps(&world));
    let seen = world.clone();
    let agent = agent_fn("agent", move |(): (), cx| {
        let (saga, world) = (saga.clone(), seen.clone());
        async move {
            let patience = Duration::from_secs(1);
            tokio::time::timeout(patience, saga.run((), &cx)).await.unwrap_err();
            sleep(Duration::from_secs(10)).await;
            Ok(world.log())
        }
    });
    let log = open(&journal).await.execute(agent, ()).await.unwrap();
    assert_eq!(log, ["a", "-b", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn an_operator_decides_about_a_failed_undo() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let build = || {
        let mut saga = Saga::builder("saga");
        step(&mut saga, &world, "a", How::Done);
        let undoing = world.clone();
        saga.step("b").run(Effect::Reversible, |(), (), _| async { Ok(1) }).undo(move |_, _| {
            let world = undoing.clone();
            async move {
                world.act("try");
                Err(AgentError::permanent("stuck"))
            }
        });
        step(&mut saga, &world, "c", How::Fails);
        saga.build(()).unwrap()
    };
    let key = Key::new("/saga/undo[b]/operator!decision");
    for _ in 0..2 {
        let error = open(&journal).await.execute(build(), ()).await.unwrap_err();
        let AgentError::Parked { step, reason } = &error else { panic!("{error}") };
        assert_eq!(*step, key);
        assert!(reason.contains("stuck"), "{reason}");
        assert_eq!(world.log(), ["a", "try"]);
    }
    let run = open(&journal).await;
    run.deliver(&key, &Decision::Retry).await.unwrap();
    let error = run.execute(build(), ()).await.unwrap_err();
    let key = Key::new("/saga/undo[b]/operator#2!decision");
    assert!(matches!(&error, AgentError::Parked { step, .. } if *step == key), "{error}");
    assert_eq!(world.log(), ["a", "try", "try"]);
    run.deliver(&key, &Decision::Skip).await.unwrap();
    let ended = compensated(&run.execute(build(), ()).await.unwrap_err());
    assert_eq!(ended.by_hand, ["b".into()]);
    assert_eq!(world.log(), ["a", "try", "try", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn it_tells_how_far_it_is() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let mut saga = Saga::builder("saga");
    step(&mut saga, &world, "a", How::Done);
    step(&mut saga, &world, "b", How::Done);
    step(&mut saga, &world, "c", How::Fails);
    let saga = saga.build(()).unwrap();
    let run = open(&journal).await;
    let events = run.events();
    run.execute(saga, ()).await.unwrap_err();
    drop(run);
    let told: Vec<(String, u64, Option<u64>)> = events
        .filter_map(|event| async move {
            match event.unwrap().kind {
                EventKind::Progress(told) => {
                    Some((told.message.to_string(), told.done, told.total))
                }
                _ => None,
            }
        })
        .collect()
        .await;
    let expected = [
        ("step a is done", 1, 3),
        ("step b is done", 2, 3),
        ("step b is taken back", 1, 2),
        ("step a is taken back", 2, 2),
    ];
    let expected = expected.map(|(text, done, total)| (text.to_owned(), done, Some(total)));
    assert_eq!(told, expected);
}
