//! Which steps make no saga, and how steps are put in order.

use maniple_core::Effect;
use maniple_orchestration::{Handle, Saga, SagaBuilder, SagaError};

use crate::basics::{How, step};
use crate::world::*;

fn add(saga: &mut SagaBuilder<()>, name: &'static str) -> Handle<u64> {
    saga.step(name).run(Effect::Pure, |(), (), _| async { Ok(1) }).nothing_to_undo()
}

fn refused<T>(built: Result<Saga<(), T>, SagaError>) -> SagaError {
    built.map(drop).unwrap_err()
}

#[test]
fn each_error_names_the_step() {
    let builder = || Saga::<(), ()>::builder("saga");

    let mut saga = builder();
    add(&mut saga, "a");
    add(&mut saga, "a");
    assert_eq!(refused(saga.build(())), SagaError::DuplicateStep { step: "a".into() });

    let mut saga = builder();
    let pure = |(), (), _| async { Ok(1) };
    saga.step("a").after("c").run(Effect::Pure, pure).nothing_to_undo();
    add(&mut saga, "b");
    add(&mut saga, "c");
    let SagaError::Cycle { steps } = refused(saga.build(())) else { panic!("it is a cycle") };
    let at = steps.iter().position(|step| **step == *"a").unwrap();
    let next = |by: usize| &*steps[(at + by) % 3];
    assert_eq!((steps.len(), next(1), next(2)), (3, "b", "c"));

    let mut saga = builder();
    saga.step("a").after("a").run(Effect::Pure, pure).nothing_to_undo();
    assert_eq!(refused(saga.build(())), SagaError::Cycle { steps: vec!["a".into()] });

    let mut saga = builder();
    saga.step("a").after("z").run(Effect::Pure, pure).nothing_to_undo();
    let unknown = SagaError::UnknownStep { step: "a".into(), after: "z".into() };
    assert_eq!(refused(saga.build(())), unknown);

    let (mut saga, mut other) = (builder(), builder());
    let foreign = add(&mut other, "b");
    saga.step("a").after(foreign).run(Effect::Pure, pure).nothing_to_undo();
    assert_eq!(refused(saga.build(())), SagaError::ForeignHandle { step: "a".into() });
    let mut saga = builder();
    let given = |(), _: u64, _| async { Ok(1) };
    saga.step("a").given(foreign).run(Effect::Pure, given).nothing_to_undo();
    assert_eq!(refused(saga.build(())), SagaError::ForeignHandle { step: "a".into() });
    let mut saga = builder();
    add(&mut saga, "a");
    assert_eq!(refused(saga.build(foreign)), SagaError::ForeignHandle { step: "saga".into() });

    let mut saga = builder();
    let a = add(&mut saga, "a");
    saga.step("b").first().given(a).run(Effect::Pure, given).nothing_to_undo();
    let not_before = SagaError::NotBefore { step: "b".into(), given: "a".into() };
    assert_eq!(refused(saga.build(())), not_before);

    for never in [false, true] {
        let mut saga = builder();
        let step = saga.step("a").run(Effect::Reversible, pure);
        if never {
            step.cannot_undo()
        } else {
            step.nothing_to_undo()
        };
        let missing = SagaError::MissingUndo { step: "a".into(), effect: Effect::Reversible };
        assert_eq!(refused(saga.build(())), missing);
    }
}

/// The name of a saga in a saga is that of all of it.
#[tokio::test(start_paused = true)]
async fn what_comes_after_a_saga_by_name_comes_after_all_of_it() {
    let world = World::default();
    let mut inner = Saga::builder("inner");
    let output = step(&mut inner, &world, "output", How::Done);
    let inner = inner.build(output).unwrap();
    let mut saga = Saga::builder("saga");
    let after = world.clone();
    let acts = move |(), (), _| {
        after.act("after");
        async { Ok(1) }
    };
    saga.step("after").after("nested").run(Effect::Pure, acts).nothing_to_undo();
    let made = saga.step("nested").first().saga(inner, |(), ()| ());
    let saga = saga.build(made).unwrap();
    assert_eq!(open(&maniple_core::MemoryJournal::new()).await.execute(saga, ()).await.unwrap(), 7);
    assert_eq!(world.log(), ["output", "after"]);
}
