//! What a durable pattern is made of is recorded, and a change of it is noticed.

use std::collections::BTreeMap;

use maniple_core::{AgentExt, BaseAgent, BoxAgent, Class, agent_fn};
use maniple_orchestration::{DeadLetter, ForkJoin, MapReduce, Pipeline};

use crate::lab::*;

type Numbers = BoxAgent<Vec<u32>, Vec<u32>>;

fn same(name: &str) -> impl BaseAgent<Input = u32, Output = u32> + use<> {
    agent_fn(name, |n: u32, _cx| async move { Ok(n) })
}

fn first(name: &str) -> BoxAgent<Vec<u32>, u32> {
    agent_fn(name, |numbers: Vec<u32>, _cx| async move { Ok(numbers[0]) }).boxed()
}

fn maps() -> Vec<Numbers> {
    let map = |name| MapReduce::collect("map", same(name)).durable();
    vec![
        map("a").boxed(),
        map("b").boxed(),
        map("a").tree().boxed(),
        map("a").key_by(ToString::to_string).boxed(),
        map("a").collect_all().map(|partial| partial.ok).boxed(),
        map("a").quorum(2).map(|partial| partial.ok).boxed(),
        map("a").quorum(3).map(|partial| partial.ok).boxed(),
        map("a").best_effort(2).map(|partial| partial.ok).boxed(),
    ]
}

fn flows() -> Vec<Numbers> {
    let one = |name| Pipeline::new("flow", same(name)).durable().flow();
    let two = |a, b| Pipeline::new("flow", same(a)).then(same(b)).durable().flow();
    let letters = |name: &str| agent_fn(name, |_: DeadLetter<u32>, _cx| async { Ok(()) });
    vec![
        one("a").boxed(),
        one("b").boxed(),
        two("a", "b").boxed(),
        two("b", "a").boxed(),
        one("a").key_by(ToString::to_string).boxed(),
        one("a").fail_item().map(|partial| partial.ok).boxed(),
        one("a").dead_letter(letters("c")).map(|partial| partial.ok).boxed(),
        one("a").dead_letter(letters("d")).map(|partial| partial.ok).boxed(),
    ]
}

fn forks() -> Vec<Numbers> {
    let two = |a, b| ForkJoin::new("fork", (first(a), first(b))).durable();
    let named = |agents: [(&'static str, &str); 2]| {
        let agents = agents.map(|(name, agent)| (name, first(agent)));
        ForkJoin::named("fork", BTreeMap::from(agents)).durable()
    };
    let pair = |(a, b)| vec![a, b];
    let values = |outputs: BTreeMap<&str, u32>| outputs.into_values().collect::<Vec<_>>();
    vec![
        two("a", "b").map(pair).boxed(),
        two("b", "a").map(pair).boxed(),
        ForkJoin::new("fork", (first("a"),)).durable().map(|(a,)| vec![a]).boxed(),
        two("a", "b").collect_all().map(|p| vec![p.ok.0.unwrap(), p.ok.1.unwrap()]).boxed(),
        named([("a", "b"), ("c", "d")]).map(values).boxed(),
        named([("a", "b"), ("x", "d")]).map(values).boxed(),
        named([("a", "b"), ("c", "x")]).map(values).boxed(),
        named([("a", "b"), ("c", "d")]).collect_all().map(move |p| values(p.ok)).boxed(),
    ]
}

/// Runs one on the journal of another, and says how that ended.
fn ends(recorded: &Numbers, then: &Numbers, inputs: [&[u32]; 2]) -> Option<Class> {
    let journal = simulate(async |lab| {
        recorded.run(inputs[0].into(), &lab.cx()).await.unwrap();
        lab.journal.clone()
    });
    simulate_on(journal, async |lab| {
        then.run(inputs[1].into(), &lab.cx()).await.err().map(|error| error.class())
    })
}

#[test]
fn another_shape_has_diverged_and_the_same_has_not() {
    let all = [maps(), flows(), forks()].concat();
    for (i, recorded) in all.iter().enumerate() {
        for (j, then) in all.iter().enumerate() {
            let expected = (i != j).then_some(Class::Diverged);
            assert_eq!(
                ends(recorded, then, [&[1, 2, 3]; 2]),
                expected,
                "{j} on the journal of {i}"
            );
        }
    }
}

#[test]
fn a_list_is_another_one_by_its_length_or_its_inputs_unless_keys_tell_them_apart() {
    let by_index = || [maps().remove(0), flows().remove(0)];
    for pattern in by_index() {
        for other in [&[1, 2][..], &[1, 2, 3, 4], &[1, 3, 2]] {
            let diverged = Some(Class::Diverged);
            assert_eq!(ends(&pattern, &pattern, [&[1, 2, 3], other]), diverged, "{other:?}");
        }
    }
    let by_key = || [maps().remove(3), flows().remove(4)];
    for pattern in by_key() {
        for other in [&[1, 2][..], &[1, 2, 3, 4], &[1, 3, 2]] {
            assert_eq!(ends(&pattern, &pattern, [&[1, 2, 3], other]), None, "{other:?}");
        }
    }
}
