//! Whom enough agree with, exhaustively, against a model that takes one answer after the other.

use std::collections::BTreeMap;

use maniple_core::Class;
use tokio::time::Instant;

use super::quorum::in_order;
use super::*;

/// How a quorum of k ends, and when it is known: the answer, or that there is none.
fn model(acts: &[Act], k: usize) -> (u64, Option<u8>) {
    let mut order: Vec<usize> = (0..acts.len()).collect();
    order.sort_by_key(|name| acts[*name].millis);
    let mut groups = BTreeMap::<u8, usize>::new();
    let largest = |groups: &BTreeMap<u8, usize>| groups.values().max().copied().unwrap_or(0);
    if acts.len() < k {
        return (0, None);
    }
    for (place, name) in order.iter().enumerate() {
        if let Some(answer) = acts[*name].answer() {
            *groups.entry(answer).or_default() += 1;
        }
        let winner = groups.iter().find(|(_, size)| **size >= k);
        if let Some((answer, _)) = winner {
            return (acts[*name].millis, Some(*answer));
        }
        if largest(&groups) + (order.len() - place - 1) < k {
            return (acts[*name].millis, None);
        }
    }
    unreachable!("when all have ended it is known")
}

fn check(acts: &[Act], k: usize) -> Option<u8> {
    let (ended, took) = simulate(async |lab| {
        let began = Instant::now();
        let ended = run(lab, Goal::Quorum(k), acts, acts.len()).await;
        (ended, began.elapsed())
    });
    let (decided, answer) = model(acts, k);
    assert!((decided..=decided + 1).contains(&millis(took)), "{took:?}, not {decided}: {acts:?}");
    match ended.result {
        Ok(gathered) => {
            let answer = answer.unwrap();
            assert!(gathered.text.starts_with(&format!("Agreement {{ answer: {answer},")));
            let in_time = acts.iter().enumerate().filter(|(_, act)| act.millis <= decided);
            let expected: BTreeMap<usize, u8> =
                in_time.filter_map(|(name, act)| Some((name, act.answer()?))).collect();
            assert_eq!(gathered.answers, expected);
            let by = gathered.answers.values().filter(|given| **given == answer).count();
            assert_eq!(by, k, "it is settled with the k-th");
        }
        Err(error) => {
            assert_eq!(answer, None, "{error}");
            assert_eq!(error.class(), Class::Permanent, "{error}");
            assert!(error.to_string().contains("answers agree"), "{error}");
        }
    }
    answer
}

/// All ways in which so many can end: one of three answers, or a failure.
fn endings(of: usize, ways: u32) -> impl Iterator<Item = Vec<Ends>> {
    (0..ways.pow(u32::try_from(of).unwrap())).map(move |mut way| {
        let mut next = || {
            let end = way % ways;
            way /= ways;
            if end == 3 { Ends::FailsForGood } else { Ends::Answers(u8::try_from(end).unwrap()) }
        };
        (0..of).map(|_| next()).collect()
    })
}

#[test]
fn every_three_in_every_order() {
    for of in 0..=3 {
        for ends in endings(of, 4) {
            for k in 1..=of + 1 {
                let answers: Vec<Option<u8>> =
                    orders(of).iter().map(|order| check(&in_order(order, &ends), k)).collect();
                if k > of / 2 {
                    let first = answers[0];
                    assert!(answers.iter().all(|answer| *answer == first), "a majority is one");
                }
            }
        }
    }
}

#[test]
fn every_five_answers_of_three() {
    for of in 4..=5 {
        let forth: Vec<usize> = (0..of).collect();
        let back: Vec<usize> = (0..of).rev().collect();
        for ends in endings(of, 3) {
            for k in 1..=of {
                let (a, b) =
                    (check(&in_order(&forth, &ends), k), check(&in_order(&back, &ends), k));
                assert!(k <= of / 2 || a == b, "a majority is one");
            }
        }
    }
}

#[test]
fn an_agreement_says_who_and_in_whose_words() {
    simulate(async |lab| {
        let say = |text: &'static str, millis: u64| {
            agent_fn("says", move |_: u32, _cx| async move {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                Ok(text.to_owned())
            })
        };
        let judges = [
            ("c", say("Yes", 1)),
            ("d", say("perhaps", 2)),
            ("a", say("yes", 3)),
            ("e", say("no", 4)),
            ("b", say("YES", 5)),
        ];
        let judges = ScatterGather::new("judges", judges);
        let verdict = judges.majority(|a: &String, b| a.eq_ignore_ascii_case(b));
        let partial = verdict.run_reported(1, &lab.cx()).await.result.unwrap();
        assert!(partial.is_complete());
        let agreement = partial.ok;
        assert_eq!(agreement.answer, "yes", "in the words of the first by name, not by arrival");
        assert_eq!(agreement.by, BTreeSet::from(["a", "b", "c"]));
        assert_eq!(
            agreement.dissent,
            BTreeMap::from([("d", "perhaps".to_owned()), ("e", "no".to_owned())])
        );
    });
}

/// Who fails for now could agree when tried again; who has answered otherwise could not.
#[test]
fn no_agreement_is_final_where_trying_again_cannot_help() {
    let now = Ends::FailsForNow;
    let cases = [
        (vec![Ends::Answers(0), Ends::Answers(1), now], Class::Transient),
        (vec![Ends::Answers(0), now, now], Class::Transient),
        (vec![Ends::Answers(0), Ends::Answers(1), Ends::Answers(2)], Class::Permanent),
        (vec![Ends::Answers(0), Ends::Answers(1), Ends::FailsForGood], Class::Permanent),
        (vec![Ends::Answers(0), Ends::Answers(1), Ends::Panics], Class::Panicked),
    ];
    for (ends, class) in cases {
        let order: Vec<usize> = (0..ends.len()).collect();
        let acts = in_order(&order, &ends);
        let ended = simulate(async |lab| run(lab, Goal::Majority, &acts, 3).await);
        let error = ended.result.unwrap_err();
        assert_eq!(error.class(), class, "{ends:?}: {error}");
    }
}
