//! Invariant 22, exhaustively: the first k are settled with the k-th success, or the (n-k+1)-th failure.

use maniple_core::Class;
use tokio::time::Instant;

use super::*;

/// Responders that end one after the other, in the order given, ten milliseconds apart.
pub(super) fn in_order(order: &[usize], ends: &[Ends]) -> Vec<Act> {
    let mut acts: Vec<Act> = ends.iter().map(|end| Act::ends(*end, 0)).collect();
    for (place, name) in order.iter().enumerate() {
        acts[*name].millis = 10 * (place as u64 + 1);
    }
    acts
}

/// When the n-th of those was to end, if there are so many.
fn nth(acts: &[Act], answers: bool, n: usize) -> Option<u64> {
    let those = acts.iter().filter(|act| act.answer().is_some() == answers);
    let mut ends: Vec<u64> = those.map(|act| act.millis).collect();
    ends.sort_unstable();
    ends.get(n.checked_sub(1)?).copied()
}

fn check(acts: &[Act], k: usize) {
    let (ended, took) = simulate(async |lab| {
        let began = Instant::now();
        let ended = run(lab, Goal::First(k), acts, acts.len()).await;
        (ended, began.elapsed())
    });
    let won = nth(acts, true, k);
    let lost = if k > acts.len() { Some(0) } else { nth(acts, false, acts.len() - k + 1) };
    let decided = won.or(lost).unwrap();
    assert!(won.is_none() || lost.is_none());
    // A timer of tokio may be a millisecond late.
    assert!((decided..=decided + 1).contains(&millis(took)), "{took:?}, not {decided}: {acts:?}");
    match ended.result {
        Ok(gathered) => {
            let won = won.unwrap();
            let until = |name: &usize| acts[*name].millis <= won;
            let winners = (0..acts.len()).filter(|name| acts[*name].answer().is_some());
            let winners: Vec<usize> = winners.filter(until).collect();
            assert_eq!(gathered.answers.into_keys().collect::<Vec<_>>(), winners);
            let failed: Vec<usize> = gathered.failed.iter().map(|(name, _)| *name).collect();
            let bad = (0..acts.len()).filter(|name| acts[*name].answer().is_none());
            assert_eq!(failed, bad.filter(until).collect::<Vec<_>>());
            let late: Vec<usize> = (0..acts.len()).filter(|name| !until(name)).collect();
            assert_eq!(gathered.cancelled, late);
        }
        Err(error) => {
            assert!(won.is_none(), "{error}");
            assert_eq!(error.class(), Class::Permanent);
        }
    }
}

fn patterns(of: usize) -> impl Iterator<Item = Vec<Ends>> {
    (0..1_u32 << of).map(move |pattern| {
        let answers = |name: usize| pattern >> name & 1 == 1;
        let end = |name| if answers(name) { Ends::Answers(7) } else { Ends::FailsForGood };
        (0..of).map(end).collect()
    })
}

#[test]
fn every_pattern_of_successes_up_to_seven() {
    for of in 0..=7 {
        let order: Vec<usize> = (0..of).collect();
        for ends in patterns(of) {
            for k in 1..=of + 1 {
                check(&in_order(&order, &ends), k);
            }
        }
    }
}

#[test]
fn every_order_of_arrival_up_to_four() {
    for of in 0..=4 {
        for order in orders(of) {
            for ends in patterns(of) {
                for k in 1..=of + 1 {
                    check(&in_order(&order, &ends), k);
                }
            }
        }
    }
}

/// What ends at the instant at which it is settled, but is taken in after, is too late.
#[test]
fn no_more_than_the_first_count_where_all_answer_at_once() {
    for k in 1..=5 {
        let acts = [Act::answers(1, 3); 5];
        let ended = simulate(async |lab| run(lab, Goal::First(k), &acts, 5).await);
        let gathered = ended.result.unwrap();
        assert_eq!(gathered.answers.len(), k);
        assert_eq!(gathered.cancelled.len(), 5 - k);
    }
}

/// Whoever ends leaves its place to another only where it was not the last that was needed.
#[test]
fn nobody_is_asked_in_vain_where_they_are_asked_one_by_one() {
    for (k, limit) in (1..=5).flat_map(|k| (1..=5).map(move |limit| (k, limit))) {
        for goal in [Goal::First(k), Goal::Quorum(k)] {
            let acts = [Act::answers(1, 0); 5];
            let ended = simulate(async |lab| run(lab, goal, &acts, limit).await);
            assert_eq!(ended.result.unwrap().answers.len(), k);
            // Where the others were at work already, they are as many as had a place.
            let most = (k + limit - 1).min(5);
            assert!(
                ended.report.started <= most,
                "{goal:?}, {limit} at a time: {:?}",
                ended.report
            );
        }
    }
}
