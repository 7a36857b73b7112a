//! Invariants 4, 9, 10 and 23: wherever the process dies, whoever counts is the same from then on.

use std::collections::BTreeSet;

use maniple_core::{Class, Fact, MemoryJournal, Outcome, Record};
use proptest::prelude::*;

use super::*;
use crate::item::config;

pub(super) fn is_settlement(record: &Record) -> bool {
    matches!(record.fact, Fact::Decided { .. }) && record.key.as_str().ends_with(":%settled")
}

/// The responders that the journal knows the end of.
fn finished(records: &[Record]) -> BTreeSet<&str> {
    let is_end = |record: &&Record| matches!(record.fact, Fact::Receipt { .. });
    records.iter().filter(is_end).map(|record| record.key.as_str()).collect()
}

/// Those that have answered in time, if nothing was settled.
fn answered(records: &[Record]) -> usize {
    let is_answer =
        |record: &&Record| matches!(&record.fact, Fact::Receipt { outcome: Outcome::Ok(_), .. });
    records.iter().filter(is_answer).count()
}

proptest! {
    #![proptest_config(config(120))]

    #[test]
    fn the_same_count_wherever_the_process_dies(
        acts in acts(), goal in goals(), limit in 1..9_usize, again in 1..9_usize,
    ) {
        let acts = bounded(acts, goal, limit.min(again));
        let (first, journal) =
            simulate(async |lab| (run(lab, goal, &acts, limit).await, lab.journal.clone()));
        let records = journal.records();
        let settled = records.iter().position(is_settlement);
        let settlements = records.iter().filter(|record| is_settlement(record)).count();
        prop_assert!(settlements <= 1, "it is settled once");
        for prefix in 0..=records.len() {
            let known: MemoryJournal = records[..prefix].iter().cloned().collect();
            let (second, ran, journal) = simulate_on(known, async |lab| {
                let ended = run(lab, goal, &acts, again).await;
                (ended, lab.gauge.ever(), lab.journal.clone())
            });
            let finished = finished(&records[..prefix]).len();
            prop_assert!(ran <= acts.len() - finished, "who has ended is not asked again");
            if settled.is_some_and(|at| at < prefix) {
                prop_assert_eq!(ran, 0, "nobody is asked any more");
                check_same(&first.result, &second.result)?;
            } else if let (Goal::Within(_, least), true) = (goal, again >= limit) {
                // Whoever had answered is in, however late this process comes.
                let had = answered(&records[..prefix]);
                match &second.result {
                    Ok(gathered) => prop_assert!(gathered.answers.len() >= had),
                    Err(_) => prop_assert!(had < least),
                }
            }
            let has_settled = journal.records().iter().any(is_settlement);
            let is_final = |error: &AgentError| error.class() == Class::Permanent || has_settled;
            let (third, ran) = simulate_on(journal, async |lab| {
                let ended = run(lab, goal, &acts, limit).await;
                (ended, lab.gauge.ever())
            });
            if second.result.as_ref().err().is_none_or(is_final) {
                prop_assert_eq!(ran, 0, "what has ended runs no more");
                check_same(&second.result, &third.result)?;
            }
        }
    }
}

fn check_same(
    before: &Result<Gathered, AgentError>,
    after: &Result<Gathered, AgentError>,
) -> Result<(), TestCaseError> {
    match (before, after) {
        (Ok(before), Ok(after)) => prop_assert_eq!(before, after),
        (Err(before), Err(after)) => prop_assert_eq!(before.recorded(), after.recorded()),
        _ => prop_assert!(false, "{:?} and then {:?}", before, after),
    }
    Ok(())
}

/// The winners stand, although the others would be faster now.
#[test]
fn whoever_was_first_stays_first() {
    let slow_and_fast = [Act::answers(0, 50), Act::answers(1, 1), Act::answers(1, 2)];
    let fast_and_slow = [Act::answers(0, 0), Act::answers(1, 50), Act::answers(1, 50)];
    for (goal, text) in [(Goal::First(2), "{1: 1, 2: 1}"), (Goal::Majority, "answer: 1")] {
        let (first, journal) =
            simulate(async |lab| (run(lab, goal, &slow_and_fast, 3).await, lab.journal.clone()));
        let first = first.result.unwrap();
        assert!(first.text.contains(text), "{}", first.text);
        let (second, ran) = simulate_on(journal, async |lab| {
            (run(lab, goal, &fast_and_slow, 3).await, lab.gauge.ever())
        });
        assert_eq!(second.result.unwrap(), first);
        assert_eq!(ran, 0);
    }
}
