//! A saga that runs out of its budget, and what its undos may use.

use maniple_core::{AgentError, Budget, Class, Effect, Journal, MemoryJournal, Run, StepContext};
use maniple_orchestration::{Saga, Undo};

use crate::host::compensated;
use crate::world::*;

/// What is left of a journal when its process dies at this record.
async fn prefix(journal: &MemoryJournal, records: usize) -> MemoryJournal {
    let kept = MemoryJournal::new();
    for record in journal.records().into_iter().take(records) {
        kept.append(record).await.unwrap();
    }
    kept
}

const fn calls(calls: u64) -> Budget {
    Budget { calls, ..Budget::ZERO }
}

/// Three steps of two calls each; each undo uses one.
fn saga(world: &World, undos: Option<Budget>) -> Saga<(), ()> {
    let mut saga = Saga::builder("saga");
    if let Some(reserve) = undos {
        saga.with_undo_budget(reserve);
    }
    for name in ["a", "b", "c"] {
        let (acting, undoing) = (world.clone(), world.clone());
        let act = move |(), (), _| {
            acting.act(name);
            async { Ok(()) }
        };
        saga.step(name).run(Effect::Reversible.reserving(calls(2)), act).undo(
            move |_: Undo<(), (), ()>, step| {
                step.spend(calls(1));
                undoing.undo(name);
                async { Ok(()) }
            },
        );
    }
    saga.build(()).unwrap()
}

async fn with(journal: &MemoryJournal, budget: u64) -> Run {
    let run = Run::builder("saga").with_journal(journal.clone()).with_budget(calls(budget));
    run.open().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn out_of_budget_it_is_taken_back() {
    // What is set aside for undos is no longer there for steps.
    for (budget, undos, done) in [(5, None, 2), (4, None, 2), (7, Some(2), 2), (5, Some(2), 1)] {
        let (world, journal) = (World::default(), MemoryJournal::new());
        let run = with(&journal, budget).await;
        let error = run.execute(saga(&world, undos.map(calls)), ()).await.unwrap_err();
        let ended = compensated(&error);
        assert_eq!(ended.error.class, Class::BudgetExhausted, "{budget}, {undos:?}");
        assert_eq!(ended.undone.len(), done, "{budget}, {undos:?}");
        assert_eq!(world.standing(), [""; 0]);
        let spent = run.context().lease().spent();
        assert_eq!(spent, calls(3 * done as u64), "{budget}, {undos:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_cannot_set_enough_aside_does_not_begin() {
    let (world, journal) = (World::default(), MemoryJournal::new());
    let build = || saga(&world, Some(calls(2)));
    let error = with(&journal, 1).await.execute(build(), ()).await.unwrap_err();
    assert!(matches!(error, AgentError::BudgetExhausted { .. }), "{error}");
    assert_eq!(world.log(), [""; 0]);
    with(&journal, 8).await.execute(build(), ()).await.unwrap();
    assert_eq!(world.log(), ["a", "b", "c"]);
}

/// What the steps have used leaves less than was set aside when the next process begins.
#[tokio::test(start_paused = true)]
async fn killed_it_is_taken_back_though_its_steps_have_used_more_than_they_had_asked_for() {
    for undo in [0, 1, 5] {
        let (world, journal) = (World::default(), MemoryJournal::new());
        let build = || {
            let mut saga = Saga::builder("saga");
            saga.with_undo_budget(calls(2));
            for name in ["a", "b", "c"] {
                let (acting, undoing) = (world.clone(), world.clone());
                let act = move |(), (), step: StepContext| {
                    step.spend(calls(3));
                    acting.act(name);
                    async { Ok(()) }
                };
                saga.step(name).run(Effect::Reversible.reserving(calls(2)), act).undo(
                    move |_: Undo<(), (), ()>, step| {
                        step.spend(calls(undo));
                        undoing.undo(name);
                        async { Ok(()) }
                    },
                );
            }
            saga.build(()).unwrap()
        };
        let whole = with(&journal, 7).await.execute(build(), ()).await.unwrap_err();
        assert_eq!(compensated(&whole).undone, ["a".into(), "b".into()]);
        for records in 0..journal.records().len() {
            let journal = prefix(&journal, records).await;
            let error = with(&journal, 7).await.execute(build(), ()).await.unwrap_err();
            compensated(&error);
            assert_eq!(world.standing(), [""; 0], "{records}, {undo}");
        }
    }
}
