//! What comes from outside of Maniple: names, deliveries, mistakes, and a journal that panics.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, join};
use maniple_core::{
    AgentError, Class, Delivery, Effect, Fact, Journal, JournalError, Key, MemoryJournal, Record,
    RunContext, Scope, agent_fn,
};

use crate::common::*;

const MILLI: Duration = Duration::from_millis(1);

/// A step that takes a while and counts itself.
async fn charge(cx: &RunContext, charged: Arc<AtomicUsize>) -> Result<(), AgentError> {
    cx.step("charge", Effect::Irreversible, (), |(), _| async move {
        tokio::time::sleep(10 * MILLI).await;
        charged.fetch_add(1, Ordering::Relaxed);
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_latch_does_not_swallow_a_receipt() {
    // The context waits for a signal while its step is in flight, or before that begins.
    for signal_first in [false, true] {
        let charged = Arc::new(AtomicUsize::new(0));
        let build = || {
            let charged = charged.clone();
            agent_fn("a", move |(): (), cx| {
                let charged = charged.clone();
                async move {
                    let (charge, signal) = (charge(&cx, charged), cx.signal::<u32>("approval"));
                    let (signal, charge) = if signal_first {
                        join(signal, charge).await
                    } else {
                        let (charge, signal) = join(charge, signal).await;
                        (signal, charge)
                    };
                    charge?;
                    signal
                }
            })
        };
        let machine = new_machine(1);
        let run = machine.run().open().await.unwrap();
        assert_eq!(class(&run.execute(build(), ()).await), Some(Class::Suspended));
        let ended = charged.load(Ordering::Relaxed);
        assert_eq!(count(&machine, "/a/charge", Kind::Receipt), ended, "first: {signal_first}");
        let run = machine.run().open().await.unwrap();
        run.deliver(&Key::new("/a!approval"), &1).await.unwrap();
        assert_eq!(run.execute(build(), ()).await.unwrap(), 1);
        assert_eq!(charged.load(Ordering::Relaxed), 1);
        check(&machine);
    }
    // Nor that of a step below a context that waits.
    let charged = Arc::new(AtomicUsize::new(0));
    let agent = agent_fn("p", move |(): (), cx| {
        let charged = charged.clone();
        async move {
            let mut scope = Scope::open(&cx)?;
            let child = scope.child_at(0_u64);
            scope.spawn(child, move |cx| async move { charge(&cx, charged).await });
            tokio::time::sleep(MILLI).await;
            let waiting = cx.signal::<u32>("go").await;
            let done = scope.next().await.map(|done| done.result);
            scope.close().await;
            done.unwrap_or(Ok(()))?;
            waiting
        }
    });
    let machine = new_machine(1);
    let run = machine.run().open().await.unwrap();
    assert_eq!(class(&run.execute(agent, ()).await), Some(Class::Suspended));
    assert_eq!(count(&machine, "/p[0]/charge", Kind::Receipt), 1);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_mistake_after_an_effect_leaves_it_in_doubt() {
    let charged = Arc::new(AtomicUsize::new(0));
    let build = |mistaken: bool| {
        let charged = charged.clone();
        agent_fn("a", move |(): (), cx| {
            let (charged, inner) = (charged.clone(), cx.clone());
            async move {
                cx.step("charge", Effect::Irreversible, (), |(), _| async move {
                    charged.fetch_add(1, Ordering::Relaxed);
                    if mistaken {
                        inner.step("log", Effect::Pure, (), |(), _| async { Ok(()) }).await?;
                    }
                    Ok(())
                })
                .await
            }
        })
    };
    let machine = new_machine(1);
    let run = machine.run().open().await.unwrap();
    let mistake = run.execute(build(true), ()).await.unwrap_err();
    assert!(matches!(mistake, AgentError::NestedStep { .. }), "{mistake}");
    // The code is mended; the effect had happened.
    let run = machine.run().open().await.unwrap();
    assert_eq!(class(&run.execute(build(false), ()).await), Some(Class::Parked));
    assert_eq!(charged.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn only_a_signal_takes_a_delivery() {
    let build = || {
        agent_fn("a", |(): (), cx| async move {
            cx.step("s", Effect::Irreversible, (), |(), _| async { Ok(()) }).await?;
            cx.signal::<u32>("s").await
        })
    };
    let machine = new_machine(1);
    let run = machine.run().open().await.unwrap();
    assert_eq!(class(&run.execute(build(), ()).await), Some(Class::Suspended));
    for key in ["/a/s", "/a", "/", "/a[0]", "/a:%attempt", "/a@v", ""] {
        let delivery = run.deliver(&Key::new(key), &1).await.unwrap();
        assert_eq!(delivery, Delivery::NotASignal, "{key}");
    }
    // Nothing was written: the journal can be read, and the step has its receipt.
    let run = machine.run().open().await.unwrap();
    assert_eq!(run.deliver(&Key::new("/a!s"), &1).await.unwrap(), Delivery::Accepted);
    assert_eq!(run.execute(build(), ()).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_branch_that_has_ended_takes_no_delivery() {
    let agent = agent_fn("a", |(): (), cx| async move {
        let b = cx.child("b");
        let inside = |()| async {
            b.step("s", Effect::Idempotent, (), |(), _| async { Ok(()) }).await?;
            b.signal::<u32>("go").await
        };
        b.branch((), inside).await
    });
    let machine = new_machine(1);
    let mut run = machine.run().open().await.unwrap();
    let go = Key::new("/a/b!go");
    assert_eq!(run.deliver(&go, &1).await.unwrap(), Delivery::Accepted);
    assert_eq!(run.execute(agent, ()).await.unwrap(), 1);
    for _ in 0..2 {
        assert_eq!(run.deliver(&go, &2).await.unwrap(), Delivery::Withdrawn);
        assert!(run.is_done(&Key::new("/a/b")));
        assert!(
            !run.is_done(&Key::new("/a/b/s")),
            "what lies inside is forgotten with its receipt"
        );
        run = machine.run().open().await.unwrap();
    }
    assert_eq!(count(&machine, "/a/b!go", Kind::Delivered), 1);
}

/// Panics when it is given its first receipt.
#[derive(Debug, Clone)]
struct Panics(MemoryJournal, Arc<AtomicBool>);

impl Journal for Panics {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        let receipt = matches!(record.fact, Fact::Receipt { .. });
        assert!(!receipt || self.1.swap(true, Ordering::Relaxed), "the store panicked");
        self.0.append(record)
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        self.0.load()
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_journal_that_panics_stops_the_run() {
    let charged = Arc::new(AtomicUsize::new(0));
    let build = || {
        let charged = charged.clone();
        agent_fn("a", move |(): (), cx| {
            let charged = charged.clone();
            async move {
                let mut last = Ok(());
                for _ in 0..2 {
                    // An agent that goes on all the same gets nowhere.
                    last = charge(&cx.child_at(7_u64), charged.clone()).await;
                }
                let _ = cx.step("after", Effect::Idempotent, (), |(), _| async { Ok(()) }).await;
                last
            }
        })
    };
    let machine = new_machine(1);
    let journal = MemoryJournal::new();
    let panics = Panics(journal.clone(), Arc::default());
    let run = machine.run().with_journal(panics).open().await.unwrap();
    let error = run.execute(build(), ()).await.unwrap_err();
    assert!(matches!(error, AgentError::Journal { .. }), "{error}");
    assert_eq!(error.class(), Class::Parked);
    assert!(!journal.records().iter().any(|record| is(record, "/a/after", Kind::Intent)));
    // Opened again, the step is in doubt, and not run again.
    let run = machine.run().with_journal(journal).open().await.unwrap();
    let error = run.execute(build(), ()).await.unwrap_err();
    assert!(matches!(error, AgentError::Parked { .. }), "{error}");
    assert_eq!(charged.load(Ordering::Relaxed), 1);
}

type Slot = Arc<Mutex<Option<Scope<()>>>>;

/// Opens a scope that is dropped while its task is being polled, in the middle of an attempt that
/// fails, or of a step. Gives back how many times that has begun.
fn leave(cx: &RunContext, ends_well: Option<bool>, slot: &Slot) -> Arc<AtomicUsize> {
    let mut scope = Scope::open(cx).unwrap();
    let (own, started) = (slot.clone(), Arc::new(AtomicUsize::new(0)));
    let (entered, child) = (started.clone(), scope.child("left"));
    scope.spawn(child, move |cx| async move {
        let failed = || AgentError::transient("failed");
        cx.attempts("tries", std::num::NonZeroU32::MIN, |cx| {
            let (own, entered) = (own.clone(), entered.clone());
            async move {
                let Some(ends_well) = ends_well else {
                    entered.fetch_add(1, Ordering::Relaxed);
                    drop_scope(&own);
                    return Err(failed());
                };
                cx.step("call", Effect::Idempotent, (), |(), _| async move {
                    entered.fetch_add(1, Ordering::Relaxed);
                    drop_scope(&own);
                    tokio::time::sleep(MILLI).await;
                    if ends_well { Ok(()) } else { Err(failed()) }
                })
                .await
            }
        })
        .await
    });
    *slot.lock().unwrap() = Some(scope);
    started
}

fn drop_scope(slot: &Slot) {
    drop(slot.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// What was written inside of the root but the intents.
fn outcomes(machine: &maniple_testkit::Machine) -> Vec<Record> {
    let mut records = machine.records();
    records.retain(|r| !matches!(r.fact, Fact::Started { .. } | Fact::Intent { .. }));
    records
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_a_dropped_scope_left_has_its_grace_to_write() {
    for (ends_well, written) in [(None, 1), (Some(false), 2), (Some(true), 1)] {
        let machine = new_machine(1);
        let run = machine.run().open().await.unwrap();
        let started = leave(&run.context(), ends_well, &Slot::default());
        run.quiesce().await;
        assert_eq!(started.load(Ordering::Relaxed), 1);
        assert_eq!(outcomes(&machine).len(), written, "{ends_well:?}: {:?}", machine.records());
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_a_dropped_scope_left_writes_nothing_into_what_has_ended() {
    // The branch around the scope ends while its task is in the middle of a step.
    for ends_well in [false, true] {
        let machine = new_machine(1);
        let run = machine.run().open().await.unwrap();
        let branch = run.context().child("branch");
        let slot = Slot::default();
        let inside = |()| async {
            let started = leave(&branch, Some(ends_well), &slot);
            // And in the middle of a branch.
            let mut scope = Scope::open(&branch)?;
            let child = scope.child_at(0);
            scope.spawn(child, |cx| async move {
                let late = |()| async {
                    tokio::time::sleep(MILLI).await;
                    Ok(())
                };
                cx.branch((), late).await
            });
            while started.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        branch.branch((), inside).await.unwrap();
        let ended = machine.records();
        assert_eq!(count(&machine, "/branch[0]", Kind::Entered), 1);
        assert_eq!(count(&machine, "/branch", Kind::Receipt), 1);
        run.quiesce().await;
        assert_eq!(machine.records(), ended, "it was written into: {ends_well}");
        // The journal is sound, in this process and the next.
        run.context().step("on", Effect::Idempotent, (), |(), _| async { Ok(()) }).await.unwrap();
        machine.run().open().await.unwrap();
        check(&machine);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn what_a_dropped_scope_left_writes_nothing_over_what_was_closed() {
    // A pattern ends for good, and closes what its children left open; what is around it goes on.
    let machine = new_machine(1);
    let run = machine.run().open().await.unwrap();
    let pattern = run.context().child("pattern");
    let mut scope: Scope<()> = Scope::open(&pattern).unwrap();
    let child = scope.child_at(0);
    scope.spawn(child, |cx| async move {
        cx.step("late", Effect::Idempotent, (), |(), _| async {
            tokio::time::sleep(10 * MILLI).await;
            Ok(())
        })
        .await
    });
    tokio::time::sleep(MILLI).await;
    drop(scope);
    pattern.close_children().await.unwrap();
    let closed = machine.records();
    assert!(closed.last().is_some_and(|record| matches!(record.fact, Fact::Abandoned)));
    run.quiesce().await;
    assert_eq!(machine.records(), closed);
}
