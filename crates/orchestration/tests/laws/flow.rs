//! Items on their way through stages: invariants 2, 3, 17, 18 and 21.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use maniple_core::{AgentError, BaseAgent, Class, RunContext, agent_fn};
use maniple_orchestration::{Flow, Pipeline, Stages};
use proptest::prelude::*;

use crate::item::{End, Item, config, items, numbers, worker};
use crate::lab::*;
use crate::map_reduce::first_failure;

const STAGES: usize = 3;

/// An item, with what it does at each stage.
#[derive(Debug, Clone)]
struct Passing {
    index: usize,
    key: u8,
    millis: [u64; STAGES],
    /// Where it fails, and how.
    fails: Option<(usize, End)>,
}

fn passing(most: usize) -> impl Strategy<Value = Vec<Passing>> {
    let end = prop_oneof![Just(End::FailsForGood), Just(End::FailsForNow), Just(End::Panics)];
    let fails = prop_oneof![3 => Just(None), 1 => (0..STAGES, end).prop_map(Some)];
    let item = (0..3_u8, prop::array::uniform3(0..8_u64), fails);
    prop::collection::vec(item, 0..=most).prop_map(|items| {
        let number = |(index, (key, millis, fails))| Passing { index, key, millis, fails };
        items.into_iter().enumerate().map(number).collect()
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Began,
    Ended,
}

/// What each stage saw, in order.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<[Events; STAGES]>>);

/// What happened to which item of which key.
type Events = Vec<(Event, usize, u8)>;

impl Seen {
    fn note(&self, stage: usize, event: Event, item: &Passing) {
        self.0.lock().unwrap()[stage].push((event, item.index, item.key));
    }

    fn at(&self, stage: usize) -> Events {
        self.0.lock().unwrap()[stage].clone()
    }

    /// The items that a stage began, of one key or of all.
    fn began(&self, stage: usize, key: Option<u8>) -> Vec<usize> {
        let of_key = |at: u8| key.is_none_or(|key| key == at);
        let seen = self.at(stage).into_iter();
        seen.filter(|(event, _, at)| *event == Event::Began && of_key(*at))
            .map(|(_, index, _)| index)
            .collect()
    }
}

/// Notes that an item has left, however it does.
struct Leaves<'a>(&'a Seen, usize, &'a Passing);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.note(self.1, Event::Ended, self.2);
    }
}

fn stage(
    at: usize,
    seen: &Seen,
    gauges: &[Gauge; STAGES],
    all: &Gauge,
) -> impl BaseAgent<Input = Passing, Output = Passing> + use<> {
    let (seen, gauge, all) = (seen.clone(), gauges[at].clone(), all.clone());
    agent_fn(["a", "b", "c"][at], move |item: Passing, _cx: RunContext| {
        let (alive, seen) = ((gauge.enter(), all.enter()), seen.clone());
        async move {
            let _alive = alive;
            seen.note(at, Event::Began, &item);
            let leaves = Leaves(&seen, at, &item);
            tokio::time::sleep(Duration::from_millis(item.millis[at])).await;
            match item.fails {
                Some((stage, End::Panics)) if stage == at => panic!("it panics"),
                Some((stage, End::FailsForNow)) if stage == at => {
                    Err(AgentError::transient("later"))
                }
                Some((stage, _)) if stage == at => Err(AgentError::permanent("bad")),
                _ => {
                    drop(leaves);
                    Ok(item)
                }
            }
        }
    })
}

fn flow(
    lab: &Lab,
    limits: [usize; STAGES],
    buffer: usize,
) -> (Flow<impl Stages<Input = Passing, Output = Passing> + use<>>, Seen, [Gauge; STAGES]) {
    let (seen, gauges) = (Seen::default(), <[Gauge; STAGES]>::default());
    let flow = Pipeline::new("flow", stage(0, &seen, &gauges, &lab.gauge))
        .with_concurrency(limits[0])
        .then(stage(1, &seen, &gauges, &lab.gauge))
        .with_concurrency(limits[1])
        .then(stage(2, &seen, &gauges, &lab.gauge))
        .with_concurrency(limits[2])
        .flow()
        .with_buffer(buffer);
    (flow, seen, gauges)
}

fn limits() -> impl Strategy<Value = [usize; STAGES]> {
    prop::array::uniform3(1..5_usize)
}

proptest! {
    #![proptest_config(config(300))]

    /// Invariants 1, 2, 3, 17 and 18, in total order.
    #[test]
    fn items_pass_every_stage_in_order(
        items in passing(24), limits in limits(), buffer in 0..4_usize,
    ) {
        simulate(async |lab| {
            let (flow, seen, gauges) = flow(lab, limits, buffer);
            let reported = flow.fail_item().run_reported(items.clone(), &lab.cx()).await;
            check_report(&reported.report);
            for at in 0..STAGES {
                assert!(gauges[at].most() <= limits[at], "stage {at}");
                let began = seen.began(at, None);
                assert!(began.is_sorted(), "stage {at} began {began:?}");
            }
            let partial = reported.result.unwrap();
            let out: Vec<usize> = partial.ok.iter().map(|item| item.index).collect();
            let good = items.iter().filter(|item| item.fails.is_none());
            assert_eq!(out, good.map(|item| item.index).collect::<Vec<_>>());
            assert_eq!(out.len() + left_out(&partial).len(), items.len(), "in = out + failed");
        });
    }

    /// Invariants 1, 2, 3, 17 and 18, in order by key: those of one key neither overtake one another
    /// nor meet in a stage.
    #[test]
    fn items_of_one_key_pass_every_stage_one_by_one(
        items in passing(24), limits in limits(), buffer in 0..4_usize,
    ) {
        simulate(async |lab| {
            let (flow, seen, gauges) = flow(lab, limits, buffer);
            let flow = flow.fifo_by(|item: &Passing| item.key).fail_item();
            let reported = flow.run_reported(items.clone(), &lab.cx()).await;
            check_report(&reported.report);
            for at in 0..STAGES {
                assert!(gauges[at].most() <= limits[at], "stage {at}");
                for key in 0..3 {
                    let began = seen.began(at, Some(key));
                    assert!(began.is_sorted(), "stage {at} began {began:?} of key {key}");
                }
                let mut inside = BTreeMap::new();
                for (event, index, key) in seen.at(at) {
                    match event {
                        Event::Began => {
                            let before = inside.insert(key, index);
                            assert_eq!(before, None, "{index} met another in stage {at}");
                        }
                        Event::Ended => assert_eq!(inside.remove(&key), Some(index)),
                    }
                }
            }
            let partial = reported.result.unwrap();
            assert_eq!(partial.ok.len() + left_out(&partial).len(), items.len());
            let mut out: Vec<usize> = partial.ok.iter().map(|item| item.index).collect();
            assert!(out.is_sorted(), "a whole list of outputs is in order: {out:?}");
            out.retain(|index| items[*index].fails.is_some());
            assert!(out.is_empty());
        });
    }

    /// Invariants 3 and 18, with dead letters, some of which cannot be delivered.
    #[test]
    fn every_item_comes_out_or_is_handed_over(
        items in passing(20), limits in limits(), by_key in any::<bool>(), undelivered in any::<bool>(),
    ) {
        simulate(async |lab| {
            let letters = Arc::new(Mutex::new(Vec::new()));
            let taken = letters.clone();
            let agent = agent_fn("letters", move |letter: maniple_orchestration::DeadLetter<usize>, _cx| {
                taken.lock().unwrap().push(letter.index);
                async move {
                    if undelivered && letter.index.is_multiple_of(2) {
                        return Err(AgentError::transient("nobody there"));
                    }
                    Ok(())
                }
            });
            // What is handed over must be journaled, so the input is a number.
            let (seen, gauges) = (Seen::default(), <[Gauge; STAGES]>::default());
            let all = items.clone();
            let unpack = agent_fn("unpack", move |index: usize, _cx| {
                let item = all[index].clone();
                async move { Ok(item) }
            });
            let flow = Pipeline::new("flow", unpack)
                .then(stage(0, &seen, &gauges, &lab.gauge)).with_concurrency(limits[0])
                .then(stage(1, &seen, &gauges, &lab.gauge)).with_concurrency(limits[1])
                .flow();
            let flow = if by_key {
                let items = items.clone();
                flow.fifo_by(move |index| items[*index].key)
            } else {
                flow
            };
            let indices: Vec<usize> = (0..items.len()).collect();
            let reported = flow.dead_letter(agent).run_reported(indices, &lab.cx()).await;
            check_report(&reported.report);
            let fails = |item: &&Passing| item.fails.is_some_and(|(stage, _)| stage < 2);
            let bad: Vec<usize> = items.iter().filter(fails).map(|item| item.index).collect();
            let mut letters = letters.lock().unwrap().clone();
            letters.sort_unstable();
            assert_eq!(letters, bad, "each is handed over once");
            let lost = bad.iter().filter(|index| undelivered && index.is_multiple_of(2)).count();
            assert_eq!(reported.report.dead_lettered, bad.len() - lost);
            match reported.result {
                Ok(partial) => {
                    assert_eq!(lost, 0);
                    assert_eq!(left_out(&partial), bad);
                    assert_eq!(partial.ok.len() + bad.len(), items.len());
                }
                Err(error) => assert!(lost > 0, "{error}"),
            }
        });
    }

    /// Invariants 1 and 2, where the first failure ends all.
    #[test]
    fn the_first_failure_ends_a_flow(items in passing(20), limits in limits(), by_key in any::<bool>()) {
        simulate(async |lab| {
            let (flow, _, gauges) = flow(lab, limits, 1);
            let flow = if by_key { flow.fifo_by(|item: &Passing| item.key) } else { flow };
            let reported = flow.run_reported(items.clone(), &lab.cx()).await;
            check_report(&reported.report);
            for at in 0..STAGES {
                assert!(gauges[at].most() <= limits[at]);
            }
            assert_eq!(reported.result.is_ok(), items.iter().all(|item| item.fails.is_none()));
        });
    }

    /// Invariant 21 of a durable flow: of several failures the one that was journaled first.
    #[test]
    fn the_failure_of_an_item_that_was_journaled_first_is_that_of_a_durable_flow(
        items in items(20), limit in 1..5_usize, by_key in any::<bool>(),
    ) {
        let (result, journal) = simulate(async |lab| {
            let same = agent_fn("same", |item: Item, _cx| async move { Ok(item) });
            let flow = Pipeline::new("flow", same).then(worker(&lab.gauge)).with_concurrency(limit);
            let flow = flow.durable().flow();
            let flow = if by_key { flow.fifo_by(|item| item.number % 3) } else { flow };
            let reported = flow.run_reported(items.clone(), &lab.cx()).await;
            check_report(&reported.report);
            (reported.result, lab.journal.clone())
        });
        match (result, first_failure(&journal)) {
            (Ok(outputs), _) => prop_assert_eq!(outputs, numbers(&items)),
            (Err(error), Some(first)) => prop_assert_eq!(error.recorded(), first),
            (Err(error), None) => prop_assert!(
                matches!(error.class(), Class::Transient | Class::Panicked), "{}", error
            ),
        }
    }

    /// Invariants 1 and 18, dropped at any time: what went in came out, failed, or was on its way.
    #[test]
    fn a_dropped_flow_leaves_nothing(
        items in passing(20), limits in limits(), after in 0..60_u64, by_key in any::<bool>(),
    ) {
        simulate_dropping(async |lab| {
            let (flow, seen, _) = flow(lab, limits, 1);
            let flow = if by_key { flow.fifo_by(|item: &Passing| item.key) } else { flow };
            let flow = flow.fail_item();
            let cx = lab.cx();
            let running = flow.run_reported(items.clone(), &cx);
            let _ = tokio::time::timeout(Duration::from_millis(after), running).await;
            lab.run.quiesce().await;
            for at in 0..STAGES {
                let events = seen.at(at);
                let began = events.iter().filter(|(event, ..)| *event == Event::Began).count();
                assert_eq!(events.len(), 2 * began, "whoever has begun has left");
            }
            assert!(seen.began(0, None).len() <= items.len());
        });
    }
}
