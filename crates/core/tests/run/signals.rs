//! Signals: the first delivery stands, whatever comes at the same time or later.

use std::sync::Barrier;
use std::thread;

use futures::FutureExt;
use maniple_core::{Class, Delivery, Effect, Fact, Key, MemoryJournal, Record, Run, RunContext};

use crate::common::{open, parallel, reopen, settle};

#[tokio::test(start_paused = true)]
async fn a_signal_that_is_delivered_early_is_kept_and_the_first_delivery_wins() {
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    let key = Key::new("!approval");
    assert_eq!(run.deliver(&key, &1).await.unwrap(), Delivery::Accepted);
    assert_eq!(run.deliver(&key, &2).await.unwrap(), Delivery::AlreadyDelivered);
    for run in [run, reopen(&journal).await] {
        assert_eq!(run.awaited_signals(), []);
        assert_eq!(run.context().signal::<u8>("approval").await.unwrap(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_the_call_waits_for_its_delivery() {
    let run = open(Run::builder("waits")).await;
    let cx = run.context().child("agent");
    let deliver = async {
        settle().await;
        let awaited = run.awaited_signals();
        assert_eq!(awaited, [Key::new("/agent!approval")]);
        // Another one wakes it too, and it waits on.
        run.deliver(&Key::new("/agent!other"), &1).await.unwrap();
        settle().await;
        run.deliver(&awaited[0], &7).await.unwrap()
    };
    let (answer, delivery) = futures::join!(cx.signal::<u8>("approval"), deliver);
    assert_eq!((answer.unwrap(), delivery), (7, Delivery::Accepted));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_takes_no_delivery() {
    let run = open(Run::builder("waits")).await;
    let wait = async || run.context().child_at("agent").signal::<u8>("approval").await;
    assert!(wait().now_or_never().is_none());
    run.deliver(&Key::new("[agent]!approval"), &7).await.unwrap();
    // What was delivered is answered even where nothing new may begin.
    run.cancel();
    assert_eq!(wait().await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_to_what_is_no_signal_harms_nothing() {
    let journal = MemoryJournal::new();
    let step = async |cx: RunContext| {
        cx.step("charge", Effect::Irreversible, (), |(), _| async { Ok(1) }).await
    };
    let run = reopen(&journal).await;
    step(run.context()).await.unwrap();
    run.context().decide("round", || 1).await.unwrap();
    for key in ["/charge", ":round", "/", "", "charge", "!a/b", "/charge[0]"] {
        let delivery = run.deliver(&Key::new(key), &7).await.unwrap();
        assert_eq!(delivery, Delivery::NotASignal, "{key}");
    }
    let run = reopen(&journal).await;
    assert_eq!(step(run.context()).await.unwrap(), 1);
    assert_eq!(run.context().decide("round", || 2).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_stands_whatever_is_recorded_after_it() {
    let journal = MemoryJournal::new();
    let run = reopen(&journal).await;
    run.deliver(&Key::new("!approval"), &7).await.unwrap();
    let delivered = journal.records().pop().unwrap();
    let again = |fact| Record { fact, ..delivered.clone() };
    for late in [again(Fact::Awaited), again(Fact::Withdrawn), again(fact_delivered(&delivered))] {
        let journal: MemoryJournal = journal.records().into_iter().chain([late]).collect();
        let run = reopen(&journal).await;
        assert_eq!(run.context().signal::<u8>("approval").await.unwrap(), 7);
    }
}

/// Another delivery, of another value.
fn fact_delivered(record: &Record) -> Fact {
    let text = serde_json::to_string(&record.fact).unwrap().replace('7', "8");
    serde_json::from_str(&text).unwrap()
}

const ROUNDS: usize = 100;
const SIGNALS: usize = 50;

fn signals() -> Vec<Key> {
    (0..SIGNALS).map(|n| Key::new(&format!("[{n}]!approval"))).collect()
}

#[test]
fn of_deliveries_at_the_same_time_one_is_accepted() {
    const THREADS: usize = 3;
    let runtime = parallel();
    for _ in 0..ROUNDS {
        let run = runtime.block_on(open(Run::builder("race")));
        let (barrier, keys) = (Barrier::new(THREADS), signals());
        let deliver = || {
            let _runtime = runtime.enter();
            barrier.wait();
            let answers = keys.iter().map(|key| run.deliver(key, &1).now_or_never());
            answers.filter(|answer| matches!(answer, Some(Ok(Delivery::Accepted)))).count()
        };
        let accepted: usize = thread::scope(|threads| {
            let all: Vec<_> = (0..THREADS).map(|_| threads.spawn(deliver)).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(accepted, SIGNALS);
    }
}

#[test]
fn a_wait_and_a_delivery_at_the_same_time_lose_nothing() {
    let runtime = parallel();
    for _ in 0..ROUNDS {
        let journal = MemoryJournal::new();
        let run = runtime.block_on(reopen(&journal));
        let (barrier, keys) = (Barrier::new(2), signals());
        // Each in a place of its own: a signal that is waited for ends its branch.
        let wait = || {
            let _runtime = runtime.enter();
            barrier.wait();
            let wait = |n| {
                let cx = run.context().child_at(n as u64);
                cx.signal::<u8>("approval").now_or_never()
            };
            (0..SIGNALS).map(wait).collect::<Vec<_>>()
        };
        let deliver = || {
            let _runtime = runtime.enter();
            barrier.wait();
            for key in &keys {
                run.deliver(key, &1).now_or_never().unwrap().unwrap();
            }
        };
        let answers = thread::scope(|threads| {
            threads.spawn(deliver);
            threads.spawn(wait).join().unwrap()
        });
        assert_eq!(run.awaited_signals(), []);
        let records = journal.records();
        for (key, answer) in keys.iter().zip(answers) {
            let facts: Vec<_> = records.iter().filter(|r| r.key == *key).map(|r| &r.fact).collect();
            let answer = answer.expect("with a journal it does not wait");
            match answer {
                Ok(value) => {
                    assert_eq!(value, 1);
                    assert!(matches!(facts[..], [Fact::Delivered { .. }]), "{facts:?}");
                }
                Err(error) => {
                    assert_eq!(error.class(), Class::Suspended);
                    // Who is told to wait is told so before the delivery.
                    let expected = matches!(facts[..], [Fact::Awaited, Fact::Delivered { .. }]);
                    assert!(expected, "{key}: {facts:?}");
                }
            }
        }
    }
}
