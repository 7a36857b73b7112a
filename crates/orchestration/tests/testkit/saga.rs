//! `check_saga` passes sagas that keep their laws, and names the step that breaks one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use maniple_core::{AgentError, Effect, agent_fn};
use maniple_orchestration::testkit::{BrokenSaga, SagaFault, check_saga};
use maniple_orchestration::{MapReduce, Saga, SagaBuilder};

/// How often each thing is there.
#[derive(Debug, Clone, Default)]
struct World(Arc<Mutex<BTreeMap<String, i64>>>);

type Things = BTreeMap<String, i64>;

impl World {
    fn put(&self, name: &str) {
        self.0.lock().unwrap().insert(name.to_owned(), 1);
    }

    fn add(&self, name: &str, many: i64) {
        let mut things = self.0.lock().unwrap();
        *things.entry(name.to_owned()).or_default() += many;
        things.retain(|_, many| *many != 0);
    }

    fn remove(&self, name: &str) {
        self.0.lock().unwrap().remove(name);
    }

    fn things(&self) -> Things {
        self.0.lock().unwrap().clone()
    }
}

/// What is wrong with a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    UndoesNothing,
    UndoesAnother,
    /// It takes one away each time.
    UndoIsNotIdempotent,
    UndoNeedsTheOutput,
    /// It takes nothing back of which it does not know the output.
    UndoIgnoresDoubt,
    UndoFails,
    LiesAboutBeingPure,
    LiesAboutBeingIdempotent,
}

fn add(saga: &mut SagaBuilder<u64>, world: &World, name: &'static str, flaw: Flaw) {
    let (acting, undoing) = (world.clone(), world.clone());
    let effect = match flaw {
        Flaw::LiesAboutBeingPure => Effect::Pure,
        Flaw::LiesAboutBeingIdempotent => Effect::Idempotent,
        _ => Effect::Reversible,
    };
    let step = saga.step(name).run(effect, move |input: u64, (), _| {
        match flaw {
            Flaw::LiesAboutBeingIdempotent | Flaw::UndoIsNotIdempotent => acting.add(name, 1),
            _ => acting.put(name),
        }
        async move { Ok(input) }
    });
    if flaw == Flaw::LiesAboutBeingPure {
        step.nothing_to_undo();
        return;
    }
    step.undo(move |undo, _| {
        let world = undoing.clone();
        async move {
            match flaw {
                Flaw::UndoesNothing => {}
                Flaw::UndoesAnother => world.remove("first"),
                Flaw::UndoIsNotIdempotent => world.add(name, -1),
                Flaw::UndoNeedsTheOutput => {
                    // As a panic that no hook hears of.
                    if undo.output.is_none() {
                        std::panic::resume_unwind(Box::new("no output"));
                    }
                    world.remove(name);
                }
                Flaw::UndoIgnoresDoubt if undo.output.is_none() => {}
                Flaw::UndoFails => return Err(AgentError::permanent("no way back")),
                _ => world.remove(name),
            }
            Ok(())
        }
    });
}

/// Three steps, the second of which has a flaw.
async fn check(flaw: Flaw) -> Result<(), BrokenSaga<Things>> {
    check_saga(|| {
        let world = World::default();
        let mut saga = Saga::builder("saga");
        add(&mut saga, &world, "first", Flaw::None);
        add(&mut saga, &world, "second", flaw);
        add(&mut saga, &world, "third", Flaw::None);
        (saga.build(()).unwrap(), 1, async move || world.things())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn the_step_with_the_mistake_is_named() {
    assert!(check(Flaw::None).await.is_ok());
    let flaws = [
        (Flaw::UndoesNothing, SagaFault::ActionLost),
        (Flaw::UndoesAnother, SagaFault::ActionLost),
        (Flaw::UndoIsNotIdempotent, SagaFault::ActionPanics),
        (Flaw::UndoNeedsTheOutput, SagaFault::ActionLost),
        (Flaw::UndoIgnoresDoubt, SagaFault::ActionLost),
        (Flaw::UndoFails, SagaFault::ActionLost),
        (Flaw::LiesAboutBeingPure, SagaFault::ActionLost),
        (Flaw::LiesAboutBeingIdempotent, SagaFault::ActionTwice),
    ];
    for (flaw, fault) in flaws {
        let broken = check(flaw).await.unwrap_err();
        assert_eq!(broken.step(), Some("second"), "{flaw:?}: {broken}");
        let disturbed = match &broken {
            BrokenSaga::NotTakenBack { disturbed, expected, found, .. }
            | BrokenSaga::NotCommitted { disturbed, expected, found, .. } => {
                assert_ne!(expected, found);
                disturbed
            }
            BrokenSaga::Ended { disturbed, .. } => disturbed,
            other => panic!("{other}"),
        };
        assert_eq!((&*disturbed.step, disturbed.fault), ("second", fault), "{flaw:?}: {broken}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_told_says_what_to_do() {
    let broken = check(Flaw::UndoesNothing).await.unwrap_err();
    assert_eq!(
        broken.to_string(),
        r#"step "second" is not taken back where at "second" the answer of the action is lost: the world is {"second": 1} instead of {}"#
    );
}

/// Steps of all kinds, side by side.
fn sound(world: &World, last: bool) -> Saga<u64, u64> {
    let mut inner = Saga::builder("inner");
    add(&mut inner, world, "one", Flaw::None);
    add(&mut inner, world, "two", Flaw::None);
    let inner = inner.build(()).unwrap();
    let mut saga = Saga::builder("saga");
    let reads = |input: u64, (), _| async move { Ok(input + 1) };
    let read = saga.step("read").run(Effect::Pure, reads).nothing_to_undo();
    add(&mut saga, world, "left", Flaw::None);
    saga.step("inner").after(read).saga(inner, |input, ()| input);
    let acting = world.clone();
    let each = agent_fn("each", move |item: u64, cx| {
        let world = acting.clone();
        async move {
            let body = |item, _| async move {
                world.put(&format!("item {item}"));
                Ok(item)
            };
            cx.step("put", Effect::Idempotent, item, body).await
        }
    });
    let undoing = world.clone();
    let map = MapReduce::collect("map", each).durable();
    let mapped = saga
        .step("map")
        .after("left")
        .after("inner")
        .given(read)
        .agent(Effect::Idempotent, map, |_, read| (0..read).collect::<Vec<_>>())
        .undo(move |undo, _| {
            (0..undo.given).for_each(|item| undoing.remove(&format!("item {item}")));
            async { Ok(()) }
        });
    if last {
        let sending = world.clone();
        let sends = move |_, (), _| {
            sending.put("letter");
            async { Ok(()) }
        };
        saga.step("letter").run(Effect::Irreversible, sends).cannot_undo();
        add(&mut saga, world, "last", Flaw::None);
    }
    let sums = |_, made: Vec<u64>, _| async move { Ok(made.iter().sum::<u64>()) };
    let sum = saga.step("sum").given(mapped).run(Effect::Pure, sums).nothing_to_undo();
    saga.build(sum).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_sound_saga_of_all_kinds_of_steps_passes() {
    for last in [false, true] {
        let checked = check_saga(|| {
            let world = World::default();
            (sound(&world, last), 1, async move || world.things())
        });
        if let Err(broken) = checked.await {
            panic!("{broken}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_does_not_commit_cannot_be_checked() {
    let checked = check_saga(|| {
        let mut saga = Saga::builder("saga");
        let fails = |(), (), _| async { Err::<u64, _>(AgentError::permanent("no")) };
        let fails = saga.step("fails").run(Effect::Pure, fails).nothing_to_undo();
        (saga.build(fails).unwrap(), (), async || ())
    });
    let broken = checked.await.unwrap_err();
    assert!(matches!(broken, BrokenSaga::Failed(_)), "{broken}");
    assert_eq!(broken.step(), None);
}
