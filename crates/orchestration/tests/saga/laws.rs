//! The laws of a saga, over generated graphs of steps that go wrong, in one process.

use std::time::Duration;

use maniple_core::{AgentError, BaseAgent, agent_fn};
use maniple_orchestration::{Compensated, Decision};
use proptest::prelude::*;
use tokio::time::{sleep, timeout};

use crate::check::*;
use crate::host::*;
use crate::program::*;
use crate::world::*;

pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..Default::default() }
}

/// Invariants 24 to 26 of how one execution ended, with a look from outside.
fn check_ended(program: &Program, world: &World, ended: &Result<u64, AgentError>) {
    check_order(program, world);
    let (must, may) = to_undo(program, world);
    let is_undoable = |name: &String| {
        let leaves = program.leaves();
        leaves.iter().any(|leaf| leaf.name == *name && leaf.spec.reversal == Reversal::By)
    };
    match ended {
        Ok(_) => check_committed(program, world),
        Err(AgentError::Suspended { .. }) => check_suspended(program, world),
        Err(AgentError::Parked { reason, .. }) => check_parked(program, world, reason),
        Err(error) => {
            let ended: Compensated = compensated(error);
            check_compensated(program, world, &ended);
            let told: std::collections::BTreeSet<String> =
                ended.undone.iter().map(ToString::to_string).collect();
            assert!(told.is_superset(&must), "told of {told:?}, of all of {must:?}");
            assert!(told.is_subset(&may), "told of {told:?}, of {may:?} alone");
            for name in must.iter().filter(|name| is_undoable(name)) {
                let undone = (name.clone(), Event::IsUndone);
                let times = world.seen().iter().filter(|seen| **seen == undone).count();
                assert_eq!(times, 1, "{name} is taken back once");
            }
        }
    }
}

fn check_suspended(program: &Program, world: &World) {
    let waits = |leaf: &Leaf| leaf.spec.end == End::Waits;
    let leaves = program.leaves();
    let waiting: Vec<&Leaf> = leaves.iter().filter(|leaf| waits(leaf)).collect();
    for leaf in &leaves {
        let is_behind = waiting.iter().any(|wait| leaf.above.contains(&wait.name));
        let is_done = fates(program, world)[&leaf.name] == Fate::Done;
        assert!(is_done || is_behind || waits(leaf), "{} is done meanwhile", leaf.name);
    }
}

/// Either a step that cannot be taken back may have happened, and nothing is taken back; or everything
/// is that can be.
fn check_parked(program: &Program, world: &World, reason: &str) {
    let leaves = program.leaves();
    if reason.contains("may have happened") && !reason.contains("is not taken back") {
        assert!(world.seen().iter().all(|(_, event)| *event != Event::BeginsUndo), "{reason}");
        return;
    }
    let (must, may) = to_undo(program, world);
    let undone = |name: &str| world.seen().contains(&(name.to_owned(), Event::IsUndone));
    let is_left = |leaf: &&Leaf| {
        let was_tried = world.tries(&format!("-{}", leaf.name)) > 0;
        // An agent may have begun without getting as far as its work.
        let is_asked = leaf.spec.reversal == Reversal::Never && may.contains(&leaf.name);
        let is_due = must.contains(&leaf.name) || was_tried || is_asked;
        is_due && leaf.spec.reversal != Reversal::Nothing && !undone(&leaf.name)
    };
    let left: Vec<&Leaf> = leaves.iter().filter(is_left).collect();
    assert!(!left.is_empty(), "something is left: {reason}");
    for leaf in &left {
        let was_tried = world.tries(&format!("-{}", leaf.name)) > 0;
        let is_behind = leaves.iter().any(|after| {
            let may_be_stuck = left.iter().any(|left| left.name == after.name)
                // An agent that has not got as far as its work.
                || (after.spec.is_agent && after.spec.reversal == Reversal::Never);
            after.above.contains(&leaf.name) && may_be_stuck
        });
        let is_stuck = was_tried || leaf.spec.reversal == Reversal::Never;
        assert!(is_stuck || is_behind, "{} is left, and nothing holds it up", leaf.name);
    }
}

fn check_attempts(program: &Program, world: &World) {
    for leaf in program.leaves() {
        let most = if matches!(leaf.spec.end, End::Retried(_)) { 3 } else { 1 };
        assert!(world.tries(&leaf.name) <= most, "{} is tried too often", leaf.name);
        assert!(world.tries(&format!("-{}", leaf.name)) <= TRIES, "-{} is", leaf.name);
    }
}

/// How a saga is stopped from outside.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Cancel,
    Drop,
    /// Its future is dropped, and nothing else.
    Let,
    Deadline,
}

proptest! {
    #![proptest_config(config(400))]

    /// Invariants 1, 2, 5, 7, 8, 24, 25 and 26.
    #[test]
    fn a_saga_ends_in_one_of_three_ways(program in programs(30, Faults::Some)) {
        let host = Host::new(Oracle::Parks);
        let ended = host.simulate(async |run| run.execute(program.build(&host.world), 1).await);
        check_ended(&program, &host.world, &ended);
        check_attempts(&program, &host.world);
        let before = host.world.seen().len();
        // It ends the same again; what was parked or waits, still does.
        let again = host.simulate(async |run| run.execute(program.build(&host.world), 1).await);
        prop_assert_eq!(host.world.seen().len(), before, "nothing is done meanwhile");
        let recorded = |ended: Result<u64, AgentError>| ended.map_err(|error| error.recorded());
        prop_assert_eq!(recorded(again), recorded(ended));
    }

    #[test]
    fn a_saga_without_faults_commits(program in programs(30, Faults::None)) {
        let host = Host::new(Oracle::Parks);
        let ended = host.simulate(async |run| run.execute(program.build(&host.world), 1).await);
        prop_assert!(ended.is_ok(), "{:?}", ended);
        check_committed(&program, &host.world);
        check_order(&program, &host.world);
    }

    /// With whoever decides, and delivers what is waited for, it commits or is taken back.
    #[test]
    fn an_operator_ends_it(program in programs(12, Faults::Some), decision in decisions()) {
        let host = Host::new(Oracle::Parks);
        let outcome = host.settle(|| program.build(&host.world), 1, &decision, &[]);
        check_order(&program, &host.world);
        match outcome {
            Outcome::Committed(_) => check_committed(&program, &host.world),
            Outcome::Compensated(ended) => check_compensated(&program, &host.world, &ended),
        }
    }

    /// Stopped at any instant, it is taken back, or has committed.
    #[test]
    fn a_saga_that_is_stopped_is_taken_back(
        program in programs(12, Faults::Some),
        stop in prop_oneof![
            Just(Stop::Cancel), Just(Stop::Drop), Just(Stop::Let), Just(Stop::Deadline)
        ],
        at in prop_oneof![0..40_u64, 3000..9000_u64],
    ) {
        let host = Host::new(Oracle::Parks);
        let at = Duration::from_millis(at);
        let saga = program.build(&host.world);
        let dropped = host.simulate(async |run| match stop {
            Stop::Cancel => {
                let cancelling = async {
                    sleep(at).await;
                    run.cancel();
                };
                let ended = tokio::join!(run.execute(saga, 1), cancelling).0;
                // It takes longer to take it back than the run has grace.
                let is_cut = |error: &AgentError| matches!(error, AgentError::Cancelled { .. });
                (!ended.as_ref().is_err_and(is_cut)).then_some(ended)
            }
            Stop::Drop => timeout(at, run.execute(saga, 1)).await.ok(),
            Stop::Let => {
                let saga = std::sync::Arc::new(saga);
                let agent = agent_fn("saga", move |input, cx| {
                    let saga = saga.clone();
                    async move {
                        let ended = timeout(at, saga.run(input, &cx)).await;
                        ended.unwrap_or_else(|_| Err(AgentError::transient("no patience")))
                    }
                });
                let ended = run.execute(agent, 1).await;
                let is_let = |error: &AgentError| error.to_string() == "no patience";
                (!ended.as_ref().is_err_and(is_let)).then_some(ended)
            }
            Stop::Deadline => {
                let saga = std::sync::Arc::new(saga);
                let cx = run.context().child("saga").with_deadline(at);
                Some(saga.run(1, &cx).await)
            }
        });
        // What was dropped says how it has ended when it is asked again.
        let ended = dropped.unwrap_or_else(|| {
            host.simulate(async |run| run.execute(program.build(&host.world), 1).await)
        });
        check_ended(&program, &host.world, &ended);
        check_attempts(&program, &host.world);
    }
}

pub(crate) fn decisions() -> impl Strategy<Value = Decision> {
    let by_hand = maniple_core::Payload::encode(&0_u64).unwrap();
    prop_oneof![Just(Decision::Retry), Just(Decision::Skip), Just(Decision::Resolve(by_hand))]
}
