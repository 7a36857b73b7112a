//! No responders, names that meet, scores that are no numbers, closures that panic.

use std::collections::BTreeMap;

use futures::StreamExt;
use maniple_core::{AgentExt, Class};
use maniple_orchestration::{Best, Part, Parts, PatternError, Pipeline};

use super::*;

#[test]
fn of_no_responders() {
    let none = |goal| simulate(async |lab| run(lab, goal, &[], 3).await.result);
    assert!(none(Goal::All).unwrap().answers.is_empty());
    assert!(none(Goal::Within(10, 0)).unwrap().answers.is_empty());
    for goal in [Goal::First(1), Goal::Quorum(1), Goal::Majority, Goal::Best, Goal::Within(10, 1)] {
        assert_eq!(none(goal).unwrap_err().class(), Class::Permanent, "{goal:?}");
    }
}

#[test]
fn two_names_that_are_written_alike_are_an_error() {
    simulate(async |lab| {
        let one = |answer| responder(&lab.gauge, Act::answers(answer, 0)).boxed();
        let gather = ScatterGather::new("gather", [("b", one(1)), ("a", one(2)), ("b", one(3))]);
        let error = lab.run.execute(gather, 1).await.unwrap_err();
        let expected = PatternError::DuplicateKey { key: "b".into(), first: 1, second: 2 };
        assert_eq!((error.class(), error.to_string()), (Class::Permanent, expected.to_string()));
        assert_eq!(lab.gauge.ever(), 0, "nobody is asked");
    });
}

#[test]
fn the_names_are_kept_and_sorted() {
    simulate(async |lab| {
        let one = |answer, millis| responder(&lab.gauge, Act::answers(answer, millis));
        let gather = [("c", one(3, 0)), ("a", one(1, 5)), ("b", one(2, 2))];
        let gather = ScatterGather::new("gather", gather);
        let answers = lab.run.execute(gather, 1).await.unwrap();
        assert_eq!(answers, BTreeMap::from([("a", 1), ("b", 2), ("c", 3)]));
    });
}

/// Responders that answer with these numbers.
async fn best_of(lab: &Lab, scores: &[f64]) -> Best<usize, usize> {
    let scores = scores.to_vec();
    let responder = |name: usize| agent_fn("score", move |_: u32, _cx| async move { Ok(name) });
    let gather = ScatterGather::new("best", (0..scores.len()).map(|name| (name, responder(name))));
    let best = gather.best_by(move |name| scores[*name]);
    lab.run.execute(best, 1).await.unwrap().ok
}

#[test]
fn the_best_is_the_first_of_the_highest_and_never_no_number() {
    const NAN: f64 = f64::NAN;
    let cases: [(&[f64], usize); 6] = [
        (&[1.0, 3.0, 3.0, 2.0], 1),
        (&[NAN, -1.0, NAN], 1),
        (&[NAN, f64::NEG_INFINITY], 1),
        (&[f64::INFINITY, f64::INFINITY], 0),
        (&[-0.0, 0.0], 0),
        (&[NAN, NAN], 0),
    ];
    for (scores, expected) in cases {
        let best = simulate(async |lab| best_of(lab, scores).await);
        assert_eq!((best.by, best.answer), (expected, expected), "{scores:?}");
        assert_eq!(best.score.to_string(), scores[expected].to_string());
        assert_eq!(best.others.len(), scores.len() - 1);
    }
}

/// So that a best answer can be the output of a durable stage, whatever its score.
#[test]
fn a_best_answer_is_written_and_read() {
    for score in [1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let best = Best { answer: 1, by: 2, score, others: BTreeMap::from([(3, 4)]) };
        let durable = simulate(async |lab| {
            let given = best.clone();
            let agent = agent_fn("best", move |(): (), _cx| {
                let given = given.clone();
                async move { Ok(given) }
            });
            let pipeline = Pipeline::new("pipeline", agent).durable();
            lab.run.execute(pipeline, ()).await.unwrap();
            lab.journal.clone()
        });
        let (again, ran) = simulate_on(durable, async |lab| {
            let gauge = lab.gauge.clone();
            let agent = agent_fn("best", move |(): (), _cx| {
                drop(gauge.enter());
                async { Err::<Best<i32, i32>, _>(AgentError::permanent("it runs again")) }
            });
            let pipeline = Pipeline::new("pipeline", agent).durable();
            (lab.run.execute(pipeline, ()).await.unwrap(), lab.gauge.ever())
        });
        assert_eq!(ran, 0);
        assert_eq!(format!("{again:?}"), format!("{best:?}"));
    }
}

#[test]
fn a_notion_of_agreement_that_panics_is_a_failure() {
    let gather = |lab: &Lab| gather(&lab.gauge, &[Act::answers(1, 1), Act::answers(1, 2)]);
    let disagree = |_: &u8, _: &u8| -> bool { panic!("nobody agrees") };
    let score = |_: &u8| -> f64 { panic!("no score") };
    let agreed = simulate(async |lab| {
        let result = lab.run.execute(gather(lab).majority(disagree), 1).await.map(drop);
        lab.run.quiesce().await;
        result
    });
    let scored = simulate(async |lab| {
        let result = lab.run.execute(gather(lab).best_by(score), 1).await.map(drop);
        lab.run.quiesce().await;
        result
    });
    for (result, text) in [(agreed, "nobody agrees"), (scored, "no score")] {
        let error = result.unwrap_err();
        assert_eq!(error.class(), Class::Panicked);
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn another_set_or_another_goal_has_diverged() {
    let two = [Act::answers(1, 1), Act::answers(1, 2)];
    let journal = simulate(async |lab| {
        run(lab, Goal::First(1), &two, 2).await.result.unwrap();
        lab.journal.clone()
    });
    for (goal, acts) in
        [(Goal::First(2), &two[..]), (Goal::Quorum(1), &two), (Goal::First(1), &two[..1])]
    {
        let again = journal.records().into_iter().collect();
        let ended = simulate_on(again, async |lab| run(lab, goal, acts, 2).await);
        assert_eq!(ended.result.unwrap_err().class(), Class::Diverged, "{goal:?}");
    }
}

/// All that is given away, and the result.
async fn take_all<T>(
    mut parts: Parts<'_, u8, T, usize>,
) -> (BTreeMap<usize, u8>, Result<T, AgentError>) {
    let mut seen = BTreeMap::new();
    while let Some(part) = parts.next().await {
        match part {
            Part::Output { key, output } => assert_eq!(seen.insert(key, output), None),
            Part::Settled(reported) => return (seen, reported.result),
        }
    }
    panic!("the result comes last")
}

proptest! {
    #![proptest_config(crate::item::config(150))]

    /// Invariant 12: what was given away, by name, is what counts.
    #[test]
    fn parts_are_the_answers_that_count(acts in acts(), goal in 0..4_u8, limit in 1..9_usize) {
        let acts = bounded(acts, Goal::All, limit);
        let (seen, result) = simulate(async |lab| {
            let gather = gather(&lab.gauge, &acts).with_concurrency(limit);
            let cx = lab.cx();
            match goal {
                0 => take_all(gather.parts(1, &cx)).await,
                1 => {
                    let (seen, result) = take_all(gather.first(2).parts(1, &cx)).await;
                    (seen, result.map(|partial| partial.ok))
                }
                2 => {
                    let within = gather.within(Duration::from_millis(6), 0);
                    let (seen, result) = take_all(within.parts(1, &cx)).await;
                    (seen, result.map(|partial| partial.ok))
                }
                _ => {
                    let (seen, result) = take_all(gather.quorum(2, |a, b| a == b).parts(1, &cx)).await;
                    let of = result.map(|partial| partial.ok);
                    (seen, of.map(|of| all(&of.by, of.answer, &of.dissent)))
                }
            }
        });
        for (name, answer) in &seen {
            prop_assert_eq!(acts[*name].answer(), Some(*answer));
        }
        if let Ok(answers) = result {
            prop_assert_eq!(seen, answers);
        }
    }

    /// Invariant 1, where whoever asked has gone.
    #[test]
    fn dropped_it_leaves_nothing(acts in acts(), goal in goals(), limit in 1..9_usize, after in 0..20_u64) {
        simulate_dropping(async |lab| {
            let running = run(lab, goal, &acts, limit);
            let _ = tokio::time::timeout(Duration::from_millis(after), running).await;
        });
    }
}
