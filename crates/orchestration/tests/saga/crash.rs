//! A saga whose process dies at a record, any of them, and is started again.

use maniple_core::Effect;
use maniple_orchestration::Decision;
use proptest::prelude::*;

use crate::check::*;
use crate::host::*;
use crate::laws::{config, decisions};
use crate::program::*;

/// Says where it was when something goes wrong.
struct Told<'a>(&'a str);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("at {}", self.0);
        }
    }
}

fn crash_everywhere(program: &Program, oracle: Oracle, decision: &Decision, again: usize) {
    let whole = Host::new(oracle);
    let expected = whole.settle(|| program.build(&whole.world), 1, decision, &[]);
    let records = whole.journal.records().len();
    for place in 0..records {
        for moment in Moment::ALL {
            let host = Host::new(oracle);
            // The next process dies soon, too.
            let crashes = [(place, moment), (again, Moment::ALL[again % 3])];
            let crashes = if again == 0 { &crashes[..1] } else { &crashes };
            let at = format!("{place} of {records}, {moment:?}, {oracle:?}");
            let _told = Told(&at);
            let outcome = host.settle(|| program.build(&host.world), 1, decision, crashes);
            check_order(program, &host.world);
            match (&outcome, &expected) {
                (Outcome::Committed(_), _) => check_committed(program, &host.world),
                (Outcome::Compensated(ended), _) => {
                    check_compensated(program, &host.world, ended);
                }
            }
            if let (Outcome::Committed(_), Outcome::Compensated(_))
            | (Outcome::Compensated(_), Outcome::Committed(_)) = (&outcome, &expected)
            {
                assert!(may_differ(program, oracle), "{outcome:?} and not {expected:?}, {at}");
            }
        }
    }
}

/// Whether a crash may change how it ends: what was in doubt is taken back where nobody knows what
/// became of it, and what is not final does not happen again.
fn may_differ(program: &Program, oracle: Oracle) -> bool {
    program.leaves().iter().any(|leaf| {
        let is_final = match leaf.spec.end {
            End::Done | End::Lingers | End::FailsForGood | End::Waits => true,
            // A failed try of which the journal does not know is none.
            End::Retried(times) => times < 3,
            _ => false,
        };
        let is_asked = matches!(leaf.spec.effect, Effect::Reversible | Effect::Irreversible);
        !is_final || (is_asked && oracle != Oracle::Reruns)
    })
}

proptest! {
    #![proptest_config(config(60))]

    /// Invariants 9, 10 and 27: at every prefix of the journal.
    #[test]
    fn a_saga_is_killed(
        program in programs(6, Faults::Some),
        oracle in prop::sample::select(Oracle::ALL.to_vec()),
        decision in decisions(),
        again in 0..6_usize,
    ) {
        crash_everywhere(&program, oracle, &decision, again);
    }
}
