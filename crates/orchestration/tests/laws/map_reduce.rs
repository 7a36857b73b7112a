//! The failure policies that look at every input.

use maniple_core::{
    AgentError, Class, Fact, MemoryJournal, Outcome, RecordedError, RunContext, agent_fn,
};
use maniple_orchestration::{MapReduce, PatternError};
use proptest::prelude::*;

use crate::item::*;
use crate::lab::*;

proptest! {
    #![proptest_config(config(150))]

    /// Invariants 1, 2, 3, 20 and 21.
    #[test]
    fn fail_fast(items in items(24), limit in 1..6_usize) {
        let (reported, gauge, journal) = simulate(async |lab| {
            let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
            let reported = map.durable().run_reported(items.clone(), &lab.cx()).await;
            (reported, lab.gauge.clone(), lab.journal.clone())
        });
        prop_assert!(gauge.most() <= limit);
        check_report(&reported.report);
        match reported.result {
            Ok(outputs) => {
                prop_assert!(items.iter().all(Item::is_good));
                prop_assert_eq!(outputs, numbers(&items), "in the order of the inputs");
            }
            Err(error) => {
                prop_assert!(items.iter().any(|item| !item.is_good()));
                match first_failure(&journal) {
                    Some(first) => prop_assert_eq!(error.recorded(), first),
                    None => prop_assert!(
                        matches!(error.class(), Class::Transient | Class::Panicked), "{}", error
                    ),
                }
            }
        }
    }

    /// Invariants 1, 2, 3 and 20.
    #[test]
    fn collect_all(items in items(24), limit in 1..6_usize) {
        let (reported, gauge) = simulate(async |lab| {
            let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
            let reported = map.collect_all().durable().run_reported(items.clone(), &lab.cx()).await;
            (reported, lab.gauge.clone())
        });
        prop_assert!(gauge.most() <= limit);
        check_report(&reported.report);
        prop_assert_eq!(reported.report.started, items.len());
        let partial = reported.result.unwrap();
        let good: Vec<Item> = items.iter().copied().filter(Item::is_good).collect();
        prop_assert_eq!(&partial.ok, &numbers(&good));
        let bad: Vec<usize> = (0..items.len()).filter(|i| !items[*i].is_good()).collect();
        prop_assert_eq!(left_out(&partial), bad);
        for (index, error) in &partial.failed {
            let class = match items[*index].end {
                End::FailsForGood => Class::Permanent,
                End::FailsForNow => Class::Transient,
                _ => Class::Panicked,
            };
            prop_assert_eq!(error.class(), class, "each failure is its input's own");
        }
        prop_assert_eq!(partial.failed.len(), items.len() - good.len());
    }

    /// Invariants 1, 3 and 22: it tries every input, and waits for a signal only where it must.
    #[test]
    fn best_effort(items in waiting_items(12), limit in 1..6_usize, least in 0..6_usize) {
        let reported = simulate(async |lab| {
            let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
            map.best_effort(least).durable().run_reported(items.clone(), &lab.cx()).await
        });
        check_report(&reported.report);
        prop_assert_eq!(reported.report.started, items.len());
        let count = |end| items.iter().filter(|item| item.end == end).count();
        let (good, waiting) = (count(End::Succeeds), count(End::Waits));
        match reported.result {
            Ok(partial) => {
                prop_assert!(good >= least);
                prop_assert_eq!(partial.suspended.len(), waiting);
                let all = partial.ok.len() + left_out(&partial).len();
                prop_assert_eq!(all, items.len());
            }
            Err(AgentError::Suspended { .. }) => {
                prop_assert!(good < least && good + waiting >= least);
            }
            Err(error) => {
                prop_assert!(good + waiting < least);
                let lost = count(End::FailsForGood);
                let is_final = items.len() - lost < least;
                let class = if is_final { Class::Permanent } else { Class::Transient };
                prop_assert_eq!(error.class(), class, "{}", error);
            }
        }
    }

    /// A child that waits for a signal is no failure: all others end first.
    #[test]
    fn who_waits_is_no_failure(items in waiting_items(12), limit in 1..6_usize) {
        let reported = simulate(async |lab| {
            let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(limit);
            map.collect_all().run_reported(items.clone(), &lab.cx()).await
        });
        check_report(&reported.report);
        let waiting = items.iter().filter(|item| item.end == End::Waits).count();
        prop_assert_eq!(reported.report.suspended, waiting);
        match reported.result {
            Err(AgentError::Suspended { signals }) => {
                prop_assert_eq!(signals.iter().count(), waiting);
                prop_assert!(waiting > 0);
            }
            result => prop_assert!(result.is_ok() && waiting == 0),
        }
        prop_assert_eq!(reported.report.started, items.len());
    }
}

/// The permanent failure that was journaled first.
pub(crate) fn first_failure(journal: &MemoryJournal) -> Option<RecordedError> {
    journal.records().into_iter().find_map(|record| match record.fact {
        Fact::Receipt { outcome: Outcome::Err(error), .. } => Some(error),
        _ => None,
    })
}

#[test]
fn two_inputs_of_one_key_are_an_error() {
    simulate(async |lab| {
        let items: Vec<Item> = [1, 2, 3].map(|n| Item::good(n, 0)).into();
        let key = |item: &Item| (item.number % 2).to_string();
        let map = MapReduce::collect("map", worker(&lab.gauge)).key_by(key).with_concurrency(1);
        let error = lab.run.execute(map, items.clone()).await.unwrap_err();
        let expected = PatternError::DuplicateKey { key: "1".into(), first: 0, second: 2 };
        assert_eq!((error.class(), error.to_string()), (Class::Permanent, expected.to_string()));

        let map = MapReduce::collect("map", worker(&lab.gauge)).key_by(key).collect_all();
        let reported = map.run_reported(items, &lab.cx()).await;
        check_report(&reported.report);
        let partial = reported.result.unwrap();
        assert_eq!((partial.ok, partial.failed[0].0), (vec![1, 2], 2), "only the second is bad");
    });
}

/// A branch that a host has opened at the place of a child is a matter of that child alone.
#[test]
fn a_failed_branch_that_a_child_lives_with_decides_nothing() {
    let run = async |lab: &Lab| {
        let agent = agent_fn("agent", |n: u32, cx| async move {
            let odd = |n: u32| async move {
                if n % 2 == 1 { Ok(n) } else { Err(AgentError::permanent("even")) }
            };
            Ok(cx.branch(n, odd).await.unwrap_or(0))
        });
        let map = MapReduce::collect("map", agent);
        (map.run_reported(vec![1, 2, 3], &lab.cx()).await.result, lab.journal.clone())
    };
    let (live, journal) = simulate(run);
    let (resumed, _) = simulate_on(journal, run);
    assert_eq!((live.unwrap(), resumed.unwrap()), (vec![1, 0, 3], vec![1, 0, 3]));
}

#[test]
fn what_a_failure_has_skipped_is_counted() {
    let mut items = vec![Item::good(1, 1); 5];
    items[0].end = End::FailsForGood;
    let reported = simulate(async |lab| {
        let map = MapReduce::collect("map", worker(&lab.gauge)).with_concurrency(1);
        map.run_reported(items, &lab.cx()).await
    });
    reported.result.unwrap_err();
    let report = reported.report;
    assert_eq!(report.started + report.skipped, 5);
    // A worker may have come by its next input before the failure was seen.
    assert!(report.skipped >= 3, "{report:?}");
}

/// What a child answers when it is stopped may be no more than that.
#[test]
fn a_failure_that_a_stop_has_brought_about_settles_nothing() {
    let result = simulate(async |lab| {
        let agent = agent_fn("agent", |(): (), cx: RunContext| async move {
            cx.cancelled().await;
            Err::<(), _>(AgentError::transient("interrupted"))
        });
        let map = MapReduce::collect("map", agent).collect_all().durable();
        let stop = async {
            tokio::task::yield_now().await;
            lab.run.cancel();
        };
        futures::join!(lab.run.execute(map, vec![()]), stop).0
    });
    assert_eq!(result.unwrap_err().class(), Class::Cancelled);
}
