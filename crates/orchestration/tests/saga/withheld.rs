//! Steps that are done, of which a store has not kept the outputs.

use maniple_core::{
    AgentError, Effect, Journal, Key, MemoryJournal, Reconciled, Run, agent_fn, reconciler_fn,
};
use maniple_orchestration::{Decision, Saga};

use crate::host::compensated;
use crate::world::*;

/// `a`, perhaps `b` after it, and beside them a step that waits for a signal, and then fails.
fn saga(world: &World, effect: Effect, is_followed: bool, fails: bool) -> Saga<(), ()> {
    let mut saga = Saga::builder("saga");
    let names = if is_followed { &["a", "b"][..] } else { &["a"] };
    for name in names.iter().copied() {
        let (acting, undoing) = (world.clone(), world.clone());
        let act = move |(), (), _| {
            acting.act(name);
            async { Ok(7_u64) }
        };
        saga.step(name).run(effect, act).undo(move |_, _| {
            let world = undoing.clone();
            async move {
                let (_going, tries) = world.begin(name, Event::BeginsUndo);
                if name == "b" && tries == 1 {
                    return Err(AgentError::permanent("stuck"));
                }
                world.undo(name);
                Ok(())
            }
        });
    }
    let asks = agent_fn("asks", move |(): (), cx| async move {
        if fails {
            return Err(AgentError::permanent("no"));
        }
        cx.signal::<u64>("go").await
    });
    saga.step("asks").first().agent(Effect::Pure, asks, |(), ()| ()).nothing_to_undo();
    saga.build(()).unwrap()
}

/// What is left of a journal without the output of `a`.
async fn forget(journal: &MemoryJournal) -> MemoryJournal {
    let kept = MemoryJournal::new();
    for record in journal.records() {
        let is_a = record.key == Key::new("/saga[a]/do/a");
        let withheld = record.clone().withhold().filter(|_| is_a);
        kept.append(withheld.unwrap_or(record)).await.unwrap();
    }
    kept
}

/// A run that knows what became of `a`.
async fn knowing(journal: &MemoryJournal) -> Run {
    let knows = reconciler_fn(|_| async { Reconciled::completed(&7_u64).unwrap() });
    let run = Run::builder("saga").with_journal(journal.clone()).with_reconciler(knows);
    run.open().await.unwrap()
}

async fn until_it_waits(world: &World, effect: Effect, is_followed: bool) -> MemoryJournal {
    let journal = MemoryJournal::new();
    let saga = saga(world, effect, is_followed, false);
    let error = open(&journal).await.execute(saga, ()).await.unwrap_err();
    assert!(matches!(error, AgentError::Suspended { .. }), "{error}");
    forget(&journal).await
}

fn is_parked_at(error: &AgentError, key: &str) -> bool {
    matches!(error, AgentError::Parked { step, .. } if *step == Key::new(key))
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_back_while_what_comes_after_it_is_not_known() {
    let world = World::default();
    let journal = until_it_waits(&world, Effect::Reversible, true).await;
    let build = || saga(&world, Effect::Reversible, true, true);
    let error = open(&journal).await.execute(build(), ()).await.unwrap_err();
    assert!(is_parked_at(&error, "/saga[a]/do/a"), "{error}");
    assert_eq!(world.log(), ["a", "b"]);
    let error = knowing(&journal).await.execute(build(), ()).await.unwrap_err();
    let key = "/saga/undo[b]/operator!decision";
    assert!(is_parked_at(&error, key), "{error}");
    // It was settled that both are taken back, and one output is lost again.
    let journal = forget(&journal).await;
    let run = open(&journal).await;
    run.deliver(&Key::new(key), &Decision::Retry).await.unwrap();
    let error = run.execute(build(), ()).await.unwrap_err();
    assert!(is_parked_at(&error, "/saga[a]/do/a"), "{error}");
    let error = knowing(&journal).await.execute(build(), ()).await.unwrap_err();
    assert_eq!(compensated(&error).undone, ["a".into(), "b".into()]);
    assert_eq!(world.log(), ["a", "b", "-b", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn it_is_taken_back_where_nothing_comes_after_it() {
    for effect in [Effect::Idempotent, Effect::Reversible] {
        let world = World::default();
        let journal = until_it_waits(&world, effect, false).await;
        let run = open(&journal).await;
        if effect == Effect::Idempotent {
            // Otherwise it would be done once more.
            run.cancel();
        }
        let error = run.execute(saga(&world, effect, false, true), ()).await.unwrap_err();
        assert!(compensated(&error).undone.contains(&"a".into()), "{error}");
        assert_eq!(world.log(), ["a", "-a"]);
    }
}
