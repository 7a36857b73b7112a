//! Row *step*.

use maniple_core::{AgentError, Class, Effect, Payload, Reconciled, reconciler_fn};
use maniple_testkit::{Crash, Ended};

use crate::common::*;

const FIRST: &str = "/two/first";

#[tokio::test(start_paused = true)]
pub(crate) async fn live() {
    for effect in EFFECTS {
        let machine = new_machine(1);
        assert_eq!(boot(&machine, |p| two_steps(p, effect), 1).await.unwrap(), 3);
        let intents = usize::from(effect != Effect::Pure);
        assert_eq!(count(&machine, FIRST, Kind::Intent), intents);
        assert_eq!(count(&machine, FIRST, Kind::Receipt), 1);
        assert_eq!(machine.world().executions(FIRST), 1);
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_before_intent() {
    for (effect, seed) in JOURNALED.into_iter().zip(0..) {
        for at in [before(FIRST, Kind::Intent), losing(FIRST, Kind::Intent)] {
            let machine = new_machine(seed);
            crash(&machine, at, |p| two_steps(p, effect), 1).await;
            assert_eq!(machine.world().executions(FIRST), 0, "no effect before its intent");
            assert_eq!(boot(&machine, |p| two_steps(p, effect), 1).await.unwrap(), 3);
            assert_eq!(machine.world().executions(FIRST), 1);
            check(&machine);
        }
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_intent() {
    for effect in JOURNALED {
        // At once, and when the effect has happened.
        for (at, happened) in [(after(FIRST, Kind::Intent), 0), (before(FIRST, Kind::Receipt), 1)] {
            let machine = new_machine(2);
            crash(&machine, at, |p| two_steps(p, effect), 1).await;
            assert_eq!(machine.world().executions(FIRST), happened);
            let resumed = boot(&machine, |p| two_steps(p, effect), 1).await;
            if effect.may_repeat() {
                assert_eq!(resumed.unwrap(), 3);
                assert_eq!(machine.world().executions(FIRST), happened + 1);
            } else {
                let error = resumed.unwrap_err();
                assert!(
                    matches!(&error, AgentError::Parked { step, .. } if step.as_str() == FIRST)
                );
                assert_eq!(
                    machine.world().executions(FIRST),
                    happened,
                    "nobody knows, so it waits"
                );
            }
            check(&machine);
        }
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_receipt() {
    for effect in EFFECTS {
        let machine = new_machine(3);
        crash(&machine, after(FIRST, Kind::Receipt), |p| two_steps(p, effect), 1).await;
        let ended = machine.boot(Crash::never(), |run| run, |p| two_steps(p, effect), 1).await;
        let Ended::Returned(result, stats) = ended else { panic!("it was not to die again") };
        assert_eq!(result.unwrap(), 3);
        assert_eq!((stats.steps_replayed, stats.steps_run), (1, 1));
        assert_eq!(machine.world().executions(FIRST), 1);
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn resume() {
    // The digest is compared, whatever was recorded.
    for at in [after(FIRST, Kind::Intent), after(FIRST, Kind::Receipt)] {
        let machine = new_machine(4);
        crash(&machine, at, |p| two_steps(p, Effect::Idempotent), 1).await;
        let diverged = boot(&machine, |p| two_steps(p, Effect::Idempotent), 99).await;
        assert_eq!(class(&diverged), Some(Class::Diverged));
        assert_eq!(machine.world().executions("/two/second"), 0);
    }
    // Each answer of a reconciler is taken.
    let answers = [
        (Reconciled::Rerun, Ok(3)),
        (Reconciled::Completed(Payload::encode(&7).unwrap()), Ok(8)),
        (Reconciled::Failed("declined".into()), Err(Class::Permanent)),
        (Reconciled::Park("ask".into()), Err(Class::Parked)),
    ];
    for (answer, expected) in answers {
        let machine = new_machine(5);
        let build = |p| two_steps(p, Effect::Irreversible);
        crash(&machine, after(FIRST, Kind::Intent), build, 1).await;
        for _ in 0..2 {
            // A second resume answers the same: what was reconciled is recorded.
            let answer = answer.clone();
            let reconciler = reconciler_fn(move |_| std::future::ready(answer.clone()));
            let ended =
                machine.boot(Crash::never(), |run| run.with_reconciler(reconciler), build, 1).await;
            assert_eq!(ended.result().map_err(|error| error.class()), expected);
        }
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn inside_a_parallel_branch() {
    for seed in 0..SEEDS {
        for effect in EFFECTS {
            let inputs = vec![10, 20, 30, 40];
            let machine = new_machine(seed);
            let at = after("/map[1]/first", Kind::Receipt);
            crash(&machine, at, |p| in_parallel(p, effect), inputs.clone()).await;
            let resumed = boot(&machine, |p| in_parallel(p, effect), inputs).await;
            match class(&resumed) {
                None => assert_eq!(resumed.unwrap(), [12, 22, 32, 42]),
                // Another branch was between its intent and its receipt.
                class => assert_eq!((class, effect.may_repeat()), (Some(Class::Parked), false)),
            }
            assert_eq!(machine.world().executions("/map[1]/first"), 1);
            check(&machine);
        }
    }
}
