//! The row of a saga.

use maniple_core::{
    AgentError, BaseAgent, Class, Effect, Key, Payload, Reconciled, agent_fn, reconciler_fn,
};
use maniple_orchestration::{Decision, ForkJoin, Saga};
use maniple_testkit::{Crash, Machine, Process};

use crate::common::*;

const ABORTED: &str = "/saga/abort:%settled";
const ENDED: &str = "/saga:%settled";

/// `a`, then `b`, then `c`, which fails where it is told to. Each can be taken back.
fn saga(process: &Process, fails: bool) -> Saga<u64, u64> {
    let mut saga = Saga::builder("saga");
    let mut last = None;
    for name in ["a", "b", "c"] {
        let (acting, undoing) = (process.clone(), process.clone());
        let act = move |n: u64, (), step| {
            let process = acting.clone();
            async move {
                let no = || AgentError::permanent("no");
                let result = || if fails && name == "c" { Err(no()) } else { Ok(n + 1) };
                process.perform(&step, result).await
            }
        };
        last = Some(saga.step(name).run(Effect::Reversible, act).undo(move |_, step| {
            let process = undoing.clone();
            async move { process.perform(&step, || Ok(())).await }
        }));
    }
    saga.build(last.unwrap()).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "a machine gives it away")]
fn commits(process: Process) -> impl BaseAgent<Input = u64, Output = u64> {
    saga(&process, false)
}

#[expect(clippy::needless_pass_by_value, reason = "a machine gives it away")]
fn fails(process: Process) -> impl BaseAgent<Input = u64, Output = u64> {
    saga(&process, true)
}

/// How often each action was done, and each was taken back.
fn done(machine: &Machine) -> ([usize; 3], [usize; 3]) {
    let world = machine.world();
    (
        ["a", "b", "c"].map(|name| world.executions(&format!("/saga[{name}]/do/{name}"))),
        ["a", "b", "c"].map(|name| world.executions(&format!("/saga/undo[{name}]/undo/{name}"))),
    )
}

fn check_compensated(machine: &Machine, result: Result<u64, AgentError>) {
    let error = result.unwrap_err();
    assert_eq!(error.class(), Class::Permanent, "{error}");
    assert!(error.to_string().contains("taken back"), "{error}");
    check(machine);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn live() {
    for seed in 0..SEEDS {
        let machine = new_machine(seed);
        assert_eq!(boot(&machine, commits, 1).await.unwrap(), 2);
        assert_eq!(done(&machine), ([1; 3], [0; 3]));
        assert_eq!(count(&machine, ABORTED, Kind::Decided), 0);

        let machine = new_machine(seed);
        check_compensated(&machine, boot(&machine, fails, 1).await);
        assert_eq!(done(&machine), ([1; 3], [1, 1, 0]));
        let records = machine.records();
        let at = |key, kind| records.iter().position(|record| is(record, key, kind)).unwrap();
        let order = [
            at("/saga[c]/do/c", Kind::Receipt),
            at(ABORTED, Kind::Decided),
            at("/saga/undo[b]/undo/b", Kind::Intent),
            at("/saga/undo[b]/undo/b", Kind::Receipt),
            at("/saga/undo[a]/undo/a", Kind::Intent),
            at(ENDED, Kind::Decided),
        ];
        assert!(order.is_sorted(), "{order:?}");
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_before_intent() {
    for seed in 0..SEEDS {
        let machine = new_machine(seed);
        crash(&machine, before("/saga[b]/do/b", Kind::Intent), commits, 1).await;
        assert_eq!(boot(&machine, commits, 1).await.unwrap(), 2);
        assert_eq!(done(&machine), ([1; 3], [0; 3]));

        let machine = new_machine(seed);
        crash(&machine, before(ABORTED, Kind::Decided), fails, 1).await;
        assert_eq!(done(&machine), ([1; 3], [0; 3]), "nothing is taken back yet");
        check_compensated(&machine, boot(&machine, fails, 1).await);
        assert_eq!(done(&machine), ([1; 3], [1, 1, 0]));
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_intent() {
    for seed in 0..SEEDS {
        // Nobody can tell whether `b` has happened, so it is taken back as if it had.
        let machine = new_machine(seed);
        crash(&machine, after("/saga[b]/do/b", Kind::Intent), commits, 1).await;
        check_compensated(&machine, boot(&machine, commits, 1).await);
        assert_eq!(done(&machine), ([1, 0, 0], [1, 1, 0]));

        // Somebody can.
        let machine = new_machine(seed);
        crash(&machine, after("/saga[b]/do/b", Kind::Intent), commits, 1).await;
        let knows = |run: maniple_core::RunBuilder| {
            run.with_reconciler(reconciler_fn(|_| async {
                Reconciled::Completed(Payload::encode(&7).unwrap())
            }))
        };
        let ended = machine.boot(Crash::never(), knows, commits, 1).await.result();
        assert_eq!(ended.unwrap(), 2);
        assert_eq!(done(&machine), ([1, 0, 1], [0; 3]));
        check(&machine);

        // It may have happened when it was first tried, however it fails now.
        let machine = new_machine(seed);
        crash(&machine, after("/saga[put]/do/put", Kind::Intent), puts, 1).await;
        check_compensated(&machine, boot(&machine, puts, 1).await);
        let undone = machine.world().executions("/saga/undo[put]/undo/put");
        assert_eq!(undone, 1);

        // An undo may always run again.
        let machine = new_machine(seed);
        crash(&machine, after("/saga/undo[b]/undo/b", Kind::Intent), fails, 1).await;
        check_compensated(&machine, boot(&machine, fails, 1).await);
        assert_eq!(done(&machine), ([1; 3], [1, 1, 0]));
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn crash_after_receipt() {
    for seed in 0..SEEDS {
        for at in ["/saga[a]/do/a", "/saga[c]/do/c", "/saga/undo[b]/undo/b"] {
            let machine = new_machine(seed);
            crash(&machine, after(at, Kind::Receipt), fails, 1).await;
            check_compensated(&machine, boot(&machine, fails, 1).await);
            assert_eq!(done(&machine), ([1; 3], [1, 1, 0]), "none of it twice");
        }
        let machine = new_machine(seed);
        crash(&machine, after(ENDED, Kind::Decided), fails, 1).await;
        check_compensated(&machine, boot(&machine, fails, 1).await);
        assert_eq!(done(&machine), ([1; 3], [1, 1, 0]));
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn resume() {
    for seed in 0..SEEDS {
        // That it is taken back stands, whatever the steps would do now.
        let machine = new_machine(seed);
        crash(&machine, after(ABORTED, Kind::Decided), fails, 1).await;
        check_compensated(&machine, boot(&machine, commits, 1).await);
        assert_eq!(done(&machine), ([1; 3], [1, 1, 0]));

        // A saga that is parked waits for its operator in every process.
        let machine = new_machine(seed);
        for _ in 0..2 {
            let parked = boot(&machine, stuck, 1).await.unwrap_err();
            assert_eq!(parked.class(), Class::Parked);
            assert_eq!(done(&machine), ([1, 0, 0], [1, 0, 0]), "nor is it tried again");
        }
        let run = machine.run().open().await.unwrap();
        let desk = Key::new("/saga/undo[a]/operator!decision");
        run.deliver(&desk, &Decision::Skip).await.unwrap();
        drop(run);
        check_compensated(&machine, boot(&machine, stuck, 1).await);
        assert_eq!(done(&machine), ([1, 0, 0], [1, 0, 0]));

        // Another saga is no resume.
        let machine = new_machine(seed);
        crash(&machine, after("/saga[a]/do/a", Kind::Receipt), commits, 1).await;
        let other = boot(&machine, stuck, 1).await;
        assert_eq!(class(&other), Some(Class::Diverged));
    }
}

/// One step that may repeat, and fails for good.
fn puts(process: Process) -> impl BaseAgent<Input = u64, Output = u64> {
    let mut saga = Saga::builder("saga");
    let undoing = process.clone();
    let act = move |n: u64, (), step| {
        let process = process.clone();
        async move {
            process.perform(&step, || Err::<(), _>(AgentError::permanent("no"))).await?;
            Ok(n)
        }
    };
    let put = saga.step("put").run(Effect::Idempotent, act).undo(move |_, step| {
        let process = undoing.clone();
        async move { process.perform(&step, || Ok(())).await }
    });
    saga.build(put).unwrap()
}

/// `a`, whose undo fails for good, and a step that fails.
fn stuck(process: Process) -> impl BaseAgent<Input = u64, Output = u64> {
    let mut saga = Saga::builder("saga");
    let undoing = process.clone();
    let act = move |n: u64, (), step| {
        let process = process.clone();
        async move { process.perform(&step, || Ok(n)).await }
    };
    let first = saga.step("a").run(Effect::Reversible, act).undo(move |_, step| {
        let process = undoing.clone();
        async move { process.perform(&step, || Err(AgentError::permanent("stuck"))).await }
    });
    saga.step("fails")
        .run(Effect::Pure, |_, (), _| async { Err::<(), _>(AgentError::permanent("no")) })
        .nothing_to_undo();
    saga.build(first).unwrap()
}

/// What fails stops the saga beside it, which is taken back before the pattern returns.
#[tokio::test(start_paused = true)]
pub(crate) async fn inside_a_parallel_branch() {
    for seed in 0..SEEDS {
        let machine = new_machine(seed);
        let build = |process: Process| {
            let fails = agent_fn("fails", |_: u64, cx| async move {
                // Late enough that the saga is under way.
                cx.step("wait", Effect::Pure, (), |(), _| async {
                    tokio::time::sleep(std::time::Duration::from_millis(4)).await;
                    Ok(())
                })
                .await?;
                Err::<u64, _>(AgentError::permanent("beside it"))
            });
            ForkJoin::new("fork", (slow(&process), fails)).durable()
        };
        let error = boot(&machine, build, 1).await.unwrap_err();
        let took_back = |name| {
            let [acted, undone] = [
                format!("/fork[0][{name}]/do/{name}"),
                format!("/fork[0]/undo[{name}]/undo/{name}"),
            ];
            let done = |key: &str| machine.world().executions(key);
            (done(&acted), done(&undone))
        };
        assert_eq!(took_back("a"), (1, 1), "{error}");
        check(&machine);
        let again = boot(&machine, build, 1).await.unwrap_err();
        assert_eq!(again.recorded(), error.recorded());
        assert_eq!(took_back("a"), (1, 1));
    }
}

/// A step, and one that takes for ever.
fn slow(process: &Process) -> Saga<u64, u64> {
    let mut saga = Saga::builder("saga");
    let (acting, undoing) = (process.clone(), process.clone());
    let act = move |n: u64, (), step| {
        let process = acting.clone();
        async move { process.perform(&step, || Ok(n)).await }
    };
    let first = saga.step("a").run(Effect::Reversible, act).undo(move |_, step| {
        let process = undoing.clone();
        async move { process.perform(&step, || Ok(())).await }
    });
    saga.step("slow")
        .run(Effect::Idempotent, |_, (), step: maniple_core::StepContext| async move {
            step.cancelled().await;
            Err::<(), _>(AgentError::transient("stopped"))
        })
        .nothing_to_undo();
    saga.build(first).unwrap()
}
