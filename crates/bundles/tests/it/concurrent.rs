//! Many who append and read at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use maniple_bundles::{Commit, Durability, Sessions};

use crate::watched::Watched;
use crate::world::{World, meta, note, texts};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_has_the_order_of_acceptance() {
    let grouped = Durability::Grouped { max_delay: Duration::from_micros(500) };
    for durability in [Durability::Synced, grouped, Durability::Buffered] {
        for world in World::of_each_kind() {
            let sessions = world.sessions.clone().with_durability(durability);
            let bundle = Arc::new(sessions.create(meta()).await.unwrap());
            let accepted = Arc::new(Mutex::new(Vec::new()));
            let appenders = (0..64).map(|appender| {
                let (bundle, accepted) = (Arc::clone(&bundle), Arc::clone(&accepted));
                tokio::spawn(async move {
                    let mut last = None;
                    for round in 0..20 {
                        let text = format!("{appender}:{round}");
                        let (place, appended) = {
                            let mut accepted = accepted.lock().unwrap();
                            accepted.push(text.clone());
                            (accepted.len() - 1, bundle.append(note(text)))
                        };
                        let seq = appended.await.unwrap();
                        assert_eq!(seq, u64::try_from(place).unwrap());
                        assert!(last < Some(seq));
                        last = Some(seq);
                    }
                })
            });
            for appender in appenders.collect::<Vec<_>>() {
                appender.await.unwrap();
            }
            let accepted = accepted.lock().unwrap().clone();
            assert_eq!(accepted.len(), 64 * 20);
            let entries = bundle.actions().await.unwrap();
            assert_eq!(texts(&entries), accepted);
            assert!(entries.iter().map(|entry| entry.seq).eq(0..64 * 20));
            let id = bundle.id();
            drop(bundle);
            let again = sessions.remount(id).await.unwrap();
            assert_eq!(again.actions().await.unwrap(), entries);
        }
    }
}

#[tokio::test]
async fn appends_that_wait_while_one_is_synced_share_the_next_sync() {
    let (watched, _) = Watched::new();
    let gate = watched.gate();
    let bundle = Sessions::new(watched).create(meta()).await.unwrap();
    gate.shut();
    let first = bundle.append(note("first"));
    gate.wait_for(1);
    let others: Vec<_> = (0..64).map(|n| bundle.append(note(format!("{n}")))).collect();
    gate.open();
    assert_eq!(first.await.unwrap(), 0);
    let seqs = join_all(others).await.into_iter().map(Result::unwrap);
    assert!(seqs.eq(1..=64));
    assert_eq!(gate.commits(), [(1, Commit::Synced), (64, Commit::Synced)]);
}

#[tokio::test]
async fn grouped_appends_wait_for_each_other_and_not_for_what_must_be_now() {
    let (watched, _) = Watched::new();
    let gate = watched.gate();
    let an_hour = Durability::Grouped { max_delay: Duration::from_secs(3600) };
    let sessions = Sessions::new(watched).with_durability(an_hour);
    let bundle = sessions.create(meta()).await.unwrap();
    let appends: Vec<_> = (0..10).map(|n| bundle.append(note(format!("{n}")))).collect();
    // It stands behind them.
    bundle.sync().await.unwrap();
    assert!(join_all(appends).await.into_iter().map(Result::unwrap).eq(0..10));
    let late = bundle.append(note("late"));
    bundle.close().await.unwrap();
    assert_eq!(late.await.unwrap(), 10);
    assert_eq!(gate.commits(), [(10, Commit::Synced), (1, Commit::Synced)]);
}

#[tokio::test]
async fn a_grouped_append_is_written_when_nobody_else_comes() {
    let (watched, _) = Watched::new();
    let soon = Durability::Grouped { max_delay: Duration::from_millis(1) };
    let sessions = Sessions::new(watched).with_durability(soon);
    let bundle = sessions.create(meta()).await.unwrap();
    for n in 0..5 {
        assert_eq!(bundle.append(note("alone")).await.unwrap(), n);
    }
}

#[tokio::test]
async fn a_buffered_append_is_not_synced() {
    let (watched, _) = Watched::new();
    let gate = watched.gate();
    let sessions = Sessions::new(watched).with_durability(Durability::Buffered);
    let bundle = sessions.create(meta()).await.unwrap();
    bundle.append(note("a")).await.unwrap();
    assert_eq!(gate.commits(), [(1, Commit::Buffered)]);
}

#[tokio::test]
async fn an_action_whose_future_is_dropped_is_accepted_all_the_same() {
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        for round in 0..10 {
            drop(bundle.append(note(format!("{round}"))));
        }
        let id = { bundle }.id();
        let bundle = world.sessions.remount(id).await.unwrap();
        assert_eq!(bundle.recovered(), None);
        let expected: Vec<_> = (0..10).map(|n| n.to_string()).collect();
        assert_eq!(texts(&bundle.actions().await.unwrap()), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_reads_beside_a_writer_sees_a_prefix_that_grows() {
    const ACTIONS: usize = 400;
    for world in World::of_each_kind() {
        let bundle = world.sessions.create(meta()).await.unwrap();
        let view = world.sessions.view(bundle.id()).await.unwrap();
        let expected: Arc<Vec<String>> = Arc::new((0..ACTIONS).map(text_of).collect());
        let is_over = Arc::new(AtomicBool::new(false));
        let readers = (0..3).map(|_| {
            let (view, expected) = (view.clone(), Arc::clone(&expected));
            let is_over = Arc::clone(&is_over);
            tokio::spawn(async move {
                let mut seen = 0;
                loop {
                    let is_last = is_over.load(Ordering::Acquire);
                    let entries = view.actions(0).await.unwrap();
                    assert!(entries.len() >= seen);
                    seen = entries.len();
                    assert_eq!(texts(&entries), expected[..seen]);
                    if is_last {
                        break assert_eq!(seen, ACTIONS);
                    }
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        let tail = view.tail(0);
        let tailed = tokio::spawn(async move {
            let entries = tail.take(ACTIONS).map(Result::unwrap).collect::<Vec<_>>().await;
            texts(&entries).into_iter().map(str::to_owned).collect::<Vec<_>>()
        });
        for n in 0..ACTIONS {
            bundle.append(note(text_of(n))).await.unwrap();
        }
        is_over.store(true, Ordering::Release);
        for reader in readers {
            reader.await.unwrap();
        }
        assert_eq!(tailed.await.unwrap(), *expected);
    }
}

/// Now and then one that is kept by itself.
fn text_of(n: usize) -> String {
    if n % 50 == 7 { format!("{n} ").repeat(2000) } else { format!("{n}") }
}
