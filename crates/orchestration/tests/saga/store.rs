use maniple_core::{AgentError, Class, Effect, Key, MemoryRunStore, Run, RunStore, RunStoreError};
use maniple_orchestration::{
    Compensated, OperatorError, ParkedStep, Saga, SagaOperator, StepState, Stuck,
};

use crate::world::*;

/// `a`, then `b` of which nobody knows whether it has happened and which cannot be taken back, then `c`,
/// which fails; the undo of `a` fails for good.
fn saga(world: &World) -> Saga<u64, u64> {
    let mut saga = Saga::builder("saga");
    let (acting, undoing) = (world.clone(), world.clone());
    let a = saga
        .step("a")
        .run(Effect::Reversible, move |n: u64, (), _| {
            let world = acting.clone();
            async move {
                world.act("a");
                Ok(n)
            }
        })
        .undo(move |_, _| {
            let world = undoing.clone();
            async move {
                world.act("undo a");
                Err(AgentError::permanent("the undo of a fails"))
            }
        });
    let acting = world.clone();
    let b = saga
        .step("b")
        .given(a)
        .run(Effect::Irreversible, move |_, n: u64, _| {
            let world = acting.clone();
            async move {
                world.act("b");
                Err::<u64, _>(AgentError::new(Class::Indeterminate, format!("{n} is lost")))
            }
        })
        .cannot_undo();
    let acting = world.clone();
    saga.step("c")
        .given(b)
        .run(Effect::Pure, move |_, n: u64, _| {
            let world = acting.clone();
            async move {
                world.act(&format!("c {n}"));
                Err::<u64, _>(AgentError::permanent("c fails"))
            }
        })
        .nothing_to_undo();
    saga.build(b).unwrap()
}

async fn execute(store: &MemoryRunStore, world: &World) -> Result<u64, AgentError> {
    let journal = store.open("order").await.unwrap();
    let run = Run::builder("order").with_journal(journal).open().await?;
    let result = run.execute(saga(world), 7).await;
    run.quiesce().await;
    result
}

async fn status(store: &MemoryRunStore, world: &World) -> Vec<StepState> {
    let records = store.open("order").await.unwrap().load().await.unwrap();
    let status = saga(world).status(&Key::new("/saga"), &records);
    assert!(saga(world).to_dot(&status).contains("\"a\" -> \"b\";"));
    status.into_iter().map(|status| status.state).collect()
}

async fn parked(operator: &SagaOperator) -> ParkedStep {
    let mut parked = operator.parked().await.unwrap();
    assert_eq!((parked.steps.len(), parked.unread.len()), (1, 0));
    parked.steps.remove(0)
}

#[tokio::test(start_paused = true)]
async fn what_is_parked_is_listed_and_decided_in_a_store() {
    use StepState::{Done, Failed, Parked, Undone, Waiting};
    let (store, world) = (MemoryRunStore::new(), World::default());
    let operator = SagaOperator::new(store.clone());
    assert!(operator.parked().await.unwrap().steps.is_empty());

    let error = execute(&store, &world).await.unwrap_err();
    assert_eq!(error.class(), Class::Parked);
    let b = parked(&operator).await;
    assert_eq!((&*b.run, &*b.saga, &*b.step), ("order", "saga", "b"));
    assert_eq!((b.stuck, &*b.reason), (Stuck::Action, "7 is lost"));
    assert_eq!(status(&store, &world).await, [Done, Parked, Waiting]);

    // Done once more it is lost once more.
    operator.retry(&b).await.unwrap();
    let late = operator.skip(&b).await.unwrap_err();
    assert!(matches!(&late, OperatorError::TooLate { step } if &**step == "b"), "{late}");
    execute(&store, &world).await.unwrap_err();
    let again = parked(&operator).await;
    assert_ne!(again.signal, b.signal);

    // What does not fit parks it once more.
    operator.resolve(&again, "no number").await.unwrap();
    execute(&store, &world).await.unwrap_err();
    let again = parked(&operator).await;
    assert!(again.reason.contains("does not fit"), "{}", again.reason);

    operator.resolve(&again, &9).await.unwrap();
    // It cannot be taken back, so that is the next question.
    execute(&store, &world).await.unwrap_err();
    assert_eq!(world.log(), ["a", "b", "b", "c 9"]);
    let undo = parked(&operator).await;
    assert_eq!((&*undo.step, undo.stuck), ("b", Stuck::Undo));
    assert_eq!(status(&store, &world).await, [Done, Parked, Failed]);

    operator.skip(&undo).await.unwrap();
    execute(&store, &world).await.unwrap_err();
    let undo = parked(&operator).await;
    assert_eq!((&*undo.step, &*undo.reason), ("a", "the undo of a fails"));
    assert_eq!(status(&store, &world).await, [Parked, Undone, Failed]);

    operator.resolve(&undo, &()).await.unwrap();
    let ended = execute(&store, &world).await.unwrap_err();
    let AgentError::Failed { source, .. } = &ended else { panic!("{ended}") };
    let ended = source.downcast_ref::<Compensated>().unwrap();
    assert_eq!(ended.by_hand, ["a".into(), "b".into()]);
    assert!(operator.parked().await.unwrap().steps.is_empty());
    assert_eq!(status(&store, &world).await, [Undone, Undone, Failed]);
    assert_eq!(world.log(), ["a", "b", "b", "c 9", "undo a"]);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_is_skipped_has_not_happened() {
    let (store, world) = (MemoryRunStore::new(), World::default());
    let operator = SagaOperator::new(store.clone());
    execute(&store, &world).await.unwrap_err();
    operator.skip(&parked(&operator).await).await.unwrap();
    let error = execute(&store, &world).await.unwrap_err();
    assert_eq!(error.class(), Class::Parked, "the undo of a fails");
    assert_eq!(world.log(), ["a", "b", "undo a"]);
    assert_eq!(&*parked(&operator).await.step, "a");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_somebody_works_on_is_named_as_unread() {
    let (store, world) = (MemoryRunStore::new(), World::default());
    execute(&store, &world).await.unwrap_err();
    let held = store.open("order").await.unwrap();
    let listed = SagaOperator::new(store.clone()).parked().await.unwrap();
    assert!(listed.steps.is_empty());
    let (run, error) = &listed.unread[0];
    assert_eq!(&**run, "order");
    assert!(matches!(error, OperatorError::Store(RunStoreError::InUse { .. })), "{error}");
    drop(held);
}
