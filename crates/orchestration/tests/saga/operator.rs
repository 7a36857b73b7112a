//! What an operator decides, and what becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_core::{
    AgentError, Class, Delivery, Effect, Key, MemoryJournal, Payload, Run, agent_fn,
};
use maniple_orchestration::{Decision, ParkedStep, Saga};
use tokio::time::sleep;

use crate::basics::{How, step};
use crate::host::compensated;
use crate::world::*;

fn parked(error: &AgentError) -> (&Key, &str) {
    let AgentError::Parked { step, reason } = error else { panic!("{error:?}") };
    (step, reason)
}

/// How the letter of a saga ends, try by try; it cannot be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letter {
    Lost,
    Refused,
    Sent,
}

/// A step `a` that can be taken back, then a letter, then whatever `last` does.
fn letter(world: &World, ends: &'static [Letter], as_agent: bool, last: How) -> Saga<(), u64> {
    let mut saga = Saga::builder("saga");
    step(&mut saga, world, "a", How::Done);
    let (tries, sending) = (world.clone(), world.clone());
    let send = move |world: World| async move {
        let (_going, tries) = tries.begin("letter", Event::Begins);
        match ends[tries - 1] {
            Letter::Refused => return Err(AgentError::permanent("no address")),
            Letter::Lost => world.act("letter"),
            Letter::Sent => {
                world.act("letter");
                return Ok(5);
            }
        }
        Err(AgentError::new(Class::Indeterminate, "no answer"))
    };
    let letter = if as_agent {
        let agent = agent_fn("agent", move |(): (), cx| {
            let (send, world) = (send.clone(), sending.clone());
            async move { cx.step("send", Effect::Irreversible, (), |(), _| send(world)).await }
        });
        saga.step("letter").agent(Effect::Irreversible, agent, |(), ()| ()).cannot_undo()
    } else {
        let send = move |(), (), _| send.clone()(sending.clone());
        saga.step("letter").run(Effect::Irreversible, send).cannot_undo()
    };
    step(&mut saga, world, "last", last);
    saga.build(letter).unwrap()
}

const ACTION: &str = "/saga[letter]/operator!decision";

/// Decides about what is parked there, in a process of its own, and goes on in another.
async fn decide<T: Send + 'static>(
    journal: &MemoryJournal,
    key: &str,
    decision: Decision,
    build: impl Fn() -> Saga<(), T>,
) -> Result<T, AgentError> {
    let error = open(journal).await.execute(build(), ()).await.map(drop).unwrap_err();
    assert_eq!(parked(&error).0.as_str(), key, "{error}");
    let delivered = open(journal).await.deliver(&Key::new(key), &decision).await.unwrap();
    assert_eq!(delivered, Delivery::Accepted);
    open(journal).await.execute(build(), ()).await
}

#[tokio::test(start_paused = true)]
async fn an_action_that_is_tried_again_commits() {
    for as_agent in [false, true] {
        let (world, journal) = (World::default(), MemoryJournal::new());
        let build = || letter(&world, &[Letter::Lost, Letter::Sent], as_agent, How::Done);
        let made = decide(&journal, ACTION, Decision::Retry, build).await.unwrap();
        assert_eq!((made, world.tries("letter")), (5, 2));
        let again = open(&journal).await.execute(build(), ()).await.unwrap();
        assert_eq!((again, world.tries("letter")), (5, 2));
    }
}

/// The first letter may have gone out, whatever is said of the second.
#[tokio::test(start_paused = true)]
async fn an_action_that_is_refused_when_it_is_tried_again_is_still_in_doubt() {
    for as_agent in [false, true] {
        let (world, journal) = (World::default(), MemoryJournal::new());
        let build = || letter(&world, &[Letter::Lost, Letter::Refused], as_agent, How::Done);
        let error = decide(&journal, ACTION, Decision::Retry, build).await.unwrap_err();
        assert_eq!(parked(&error).0.as_str(), "/saga[letter]/operator#2!decision");
        assert_eq!(world.log(), ["a", "letter"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_is_skipped_has_not_happened() {
    for as_agent in [false, true] {
        let (world, journal) = (World::default(), MemoryJournal::new());
        let build = || letter(&world, &[Letter::Lost], as_agent, How::Done);
        let error = decide(&journal, ACTION, Decision::Skip, build).await.unwrap_err();
        let ended = compensated(&error);
        assert_eq!((&*ended.step, ended.undone), ("letter", vec!["a".into()]), "{as_agent}");
        assert!(ended.error.text.starts_with("an operator skipped it"), "{}", ended.error);
        assert_eq!(world.log(), ["a", "letter", "-a"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_is_resolved_has_happened_with_that_output() {
    for as_agent in [false, true] {
        let (world, journal) = (World::default(), MemoryJournal::new());
        let build = || letter(&world, &[Letter::Lost], as_agent, How::Done);
        let by_hand = Decision::Resolve(Payload::encode(&9).unwrap());
        assert_eq!(decide(&journal, ACTION, by_hand, build).await.unwrap(), 9);
        assert_eq!(world.log(), ["a", "letter", "last"]);
    }
}

/// What is decided after a resolution that did not fit is about the action all the same.
#[tokio::test(start_paused = true)]
async fn a_resolution_that_does_not_fit_is_told_and_another_is_asked_for() {
    let second = [Decision::Skip, Decision::Retry, Decision::Resolve(Payload::encode(&9).unwrap())];
    for (as_agent, decision) in
        [false, true].into_iter().flat_map(|a| second.clone().map(|d| (a, d)))
    {
        let (world, journal) = (World::default(), MemoryJournal::new());
        let build = || letter(&world, &[Letter::Lost, Letter::Sent], as_agent, How::Done);
        let text = Decision::Resolve(Payload::encode("text").unwrap());
        let error = decide(&journal, ACTION, text, build).await.unwrap_err();
        let (_, reason) = parked(&error);
        assert!(reason.contains("what it was resolved with does not fit"), "{reason}");
        let key = "/saga[letter]/operator#2!decision";
        let ended = decide(&journal, key, decision.clone(), build).await;
        match decision {
            Decision::Skip => {
                assert_eq!(compensated(&ended.unwrap_err()).undone, ["a".into()]);
                assert_eq!(world.tries("letter"), 1);
            }
            Decision::Retry => assert_eq!((ended.unwrap(), world.tries("letter")), (5, 2)),
            _ => assert_eq!((ended.unwrap(), world.tries("letter")), (9, 1)),
        }
        let run = open(&journal).await;
        assert_eq!(run.awaited_signals(), [], "nobody is asked any more");
    }
}

/// A decision may come before the step is stuck: then nobody is asked.
#[tokio::test(start_paused = true)]
async fn what_was_decided_before_it_was_asked_is_not_listed() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let build = || {
        let mut saga = Saga::builder("saga");
        let asks = agent_fn("asks", |(): (), cx| async move { cx.signal::<u64>("go").await });
        let sent = |(), (), _| async { Ok(()) };
        saga.step("letter").run(Effect::Irreversible, sent).cannot_undo();
        saga.step("asks").agent(Effect::Pure, asks, |(), ()| ()).nothing_to_undo();
        step(&mut saga, &world, "last", How::Fails);
        saga.build(()).unwrap()
    };
    let run = open(&journal).await;
    run.execute(build(), ()).await.unwrap_err();
    let asked = run.awaited_signals();
    let undo = Key::new("/saga/undo[letter]/operator!decision");
    run.deliver(&undo, &Decision::Skip).await.unwrap();
    run.deliver(&asked[0], &1_u64).await.unwrap();
    let ended = compensated(&run.execute(build(), ()).await.unwrap_err());
    assert_eq!(ended.by_hand, ["letter".into()]);
    let records = journal.records();
    for died in 0..=records.len() {
        assert_eq!(ParkedStep::of("saga", &records[..died]), [], "{died}");
    }
}

/// What was delivered cannot be taken back, and must not hold the saga up for good.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_decision_is_told_and_another_is_asked_for() {
    for last in [How::Done, How::Fails] {
        let (world, journal) = (World::default(), MemoryJournal::new());
        let ends: &[Letter] = if last == How::Done { &[Letter::Lost] } else { &[Letter::Sent] };
        let build = || letter(&world, ends, false, last);
        let run = open(&journal).await;
        let error = run.execute(build(), ()).await.unwrap_err();
        run.deliver(parked(&error).0, &"yes").await.unwrap();
        drop(run);
        for _ in 0..2 {
            let error = open(&journal).await.execute(build(), ()).await.unwrap_err();
            let (key, reason) = parked(&error);
            assert!(key.as_str().ends_with("/operator#2!decision"), "{key}");
            assert!(reason.contains("what was answered is no decision"), "{reason}");
        }
        let run = open(&journal).await;
        let error = run.execute(build(), ()).await.unwrap_err();
        run.deliver(parked(&error).0, &Decision::Skip).await.unwrap();
        compensated(&run.execute(build(), ()).await.unwrap_err());
    }
}

/// A step that waits for an operator is asked about once more, as what has to be taken back.
#[tokio::test(start_paused = true)]
async fn what_waits_for_an_operator_when_another_fails_is_asked_about_as_an_undo() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let build = || {
        let mut saga = Saga::builder("saga");
        let sending = world.clone();
        saga.step("letter")
            .first()
            .run(Effect::Irreversible, move |(), (), _| {
                sending.act("letter");
                async { Err::<u64, _>(AgentError::new(Class::Indeterminate, "no answer")) }
            })
            .cannot_undo();
        saga.step("fails")
            .first()
            .run(Effect::Pure, |(), (), _| async {
                sleep(Duration::from_secs(1)).await;
                Err::<u64, _>(AgentError::permanent("no"))
            })
            .nothing_to_undo();
        saga.build(()).unwrap()
    };
    let run = open(&journal).await;
    let error = run.execute(build(), ()).await.unwrap_err();
    let undo = Key::new("/saga/undo[letter]/operator!decision");
    assert_eq!(*parked(&error).0, undo);
    assert_eq!(run.awaited_signals(), std::slice::from_ref(&undo), "it is asked about once");
    let late = run.deliver(&Key::new(ACTION), &Decision::Retry).await.unwrap();
    assert_eq!(late, Delivery::Withdrawn);
    run.deliver(&undo, &Decision::Skip).await.unwrap();
    let ended = compensated(&run.execute(build(), ()).await.unwrap_err());
    assert_eq!((&*ended.step, ended.by_hand), ("fails", vec!["letter".into()]));
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_an_operator_decides_in_the_process() {
    let world = World::default();
    let build = || letter(&world, &[Letter::Lost, Letter::Sent], false, How::Fails);
    let run = Run::builder("saga").open().await.unwrap();
    let error = run.execute(build(), ()).await.unwrap_err();
    assert_eq!(parked(&error).0.as_str(), ACTION);
    run.deliver(parked(&error).0, &Decision::Retry).await.unwrap();
    let error = run.execute(build(), ()).await.unwrap_err();
    assert_eq!(parked(&error).0.as_str(), "/saga/undo[letter]/operator!decision");
    let by_hand = Decision::Resolve(Payload::encode("it was called back").unwrap());
    run.deliver(parked(&error).0, &by_hand).await.unwrap();
    let ended = compensated(&run.execute(build(), ()).await.unwrap_err());
    assert_eq!(ended.by_hand, ["letter".into()]);
}

/// It may have done something before it waited.
#[tokio::test(start_paused = true)]
async fn a_step_that_waits_for_a_signal_is_taken_back_when_another_fails() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let undos = Arc::new(AtomicUsize::new(0));
    let build = || {
        let mut saga = Saga::builder("saga");
        let asks = agent_fn("asks", |(): (), cx| async move { cx.signal::<u64>("go").await });
        let counted = undos.clone();
        saga.step("asks").agent(Effect::Reversible, asks, |(), ()| ()).undo(move |undo, _| {
            assert_eq!(undo.output, None);
            counted.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        });
        let sleeps = |(), (), _| async {
            sleep(Duration::from_secs(1)).await;
            Err::<u64, _>(AgentError::permanent("no"))
        };
        saga.step("fails").first().run(Effect::Pure, sleeps).nothing_to_undo();
        step(&mut saga, &world, "after", How::Done);
        saga.build(()).unwrap()
    };
    let run = open(&journal).await;
    let ended = compensated(&run.execute(build(), ()).await.unwrap_err());
    assert_eq!((&*ended.step, ended.undone), ("fails", vec!["asks".into()]));
    assert_eq!(undos.load(Ordering::Relaxed), 1);
    assert_eq!(run.awaited_signals(), []);
}
