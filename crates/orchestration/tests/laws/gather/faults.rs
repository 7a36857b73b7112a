//! Invariants 1, 2, 3, 4, 20 and 21, over responders that fail, panic, wait, never end and do not listen.

use maniple_core::{AgentError, Class};
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::item::config;
use crate::map_reduce::first_failure;

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn every_responder_is_accounted_for(
        acts in acts(), goal in goals(), limit in 1..9_usize,
    ) {
        let acts = bounded(acts, goal, limit);
        let (ended, took, gauge, journal) = simulate(async |lab| {
            let began = Instant::now();
            let ended = run(lab, goal, &acts, limit).await;
            (ended, began.elapsed(), lab.gauge.clone(), lab.journal.clone())
        });
        prop_assert!(gauge.most() <= limit);
        prop_assert!(ended.report.started + ended.report.skipped <= acts.len());
        let stopped_by = match goal {
            Goal::Within(millis, _) => millis,
            _ => acts.iter().map(|act| act.millis + act.deaf).sum(),
        };
        // A timer of tokio may be a millisecond late, each time.
        let late = acts.len() as u64 + 3;
        prop_assert!(millis(took) <= stopped_by + GRACE + late, "{took:?}");
        match ended.result {
            Ok(gathered) => {
                for (name, answer) in &gathered.answers {
                    prop_assert_eq!(acts[*name].answer(), Some(*answer), "an answer is its own");
                }
                let left_out = gathered.left_out();
                prop_assert!(gathered.answers.keys().all(|name| !left_out.contains(name)));
                prop_assert_eq!(gathered.answers.len() + left_out.len(), acts.len());
                for (name, error) in &gathered.failed {
                    let says = match acts[*name].end {
                        Ends::FailsForGood => "no",
                        Ends::FailsForNow => "later",
                        Ends::Panics => "a responder panics",
                        end => panic!("{end:?} has not failed: {error}"),
                    };
                    prop_assert!(error.contains(says), "{error}");
                }
                for name in &gathered.suspended {
                    prop_assert_eq!(acts[*name].end, Ends::Waits);
                }
                let needed = needed(goal, acts.len());
                prop_assert!(gathered.answers.len() >= needed);
            }
            Err(error) => check_failure(goal, &acts, &error, first_failure(&journal)),
        }
    }
}

fn needed(goal: Goal, of: usize) -> usize {
    match goal {
        Goal::All => of,
        Goal::First(k) | Goal::Quorum(k) => k.max(1),
        Goal::Majority => of / 2 + 1,
        Goal::Best => 1,
        Goal::Within(_, least) => least,
    }
}

/// That a gather had a reason to fail as it did.
fn check_failure(
    goal: Goal,
    acts: &[Act],
    error: &AgentError,
    first: Option<maniple_core::RecordedError>,
) {
    let answers: Vec<u8> = acts.iter().filter_map(Act::answer).collect();
    let waiting = count(acts, Ends::Waits);
    if error.class() == Class::Suspended {
        assert!(waiting > 0, "{error}");
        return;
    }
    match goal {
        // Invariant 21: the failure that was journaled first.
        Goal::All => match first {
            Some(first) => assert_eq!(error.recorded(), first),
            None => assert!(matches!(error.class(), Class::Transient | Class::Panicked), "{error}"),
        },
        Goal::Best => assert_eq!(answers.len() + waiting, 0, "{error}"),
        Goal::First(_) => {
            assert!(answers.len() + waiting < needed(goal, acts.len()), "{error}");
        }
        Goal::Quorum(_) | Goal::Majority => {
            let largest = (0..3).map(|answer| count(acts, Ends::Answers(answer))).max();
            let largest = largest.unwrap_or(0);
            assert!(largest < needed(goal, acts.len()), "{error}");
        }
        Goal::Within(..) => {
            let class = error.class();
            let is_too_few = error.to_string().contains("are needed");
            assert!(is_too_few, "{error}");
            if class != Class::DeadlineExceeded {
                let lost = acts.len() - answers.len();
                assert!(acts.len() - lost < needed(goal, acts.len()), "{error}");
            }
        }
    }
}
