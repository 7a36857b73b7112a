//! What the clock of a run measures, and what no longer begins when it has run out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use futures::future::{BoxFuture, FutureExt};
use maniple_core::{
    Class, Delivery, Effect, Fact, Journal, JournalError, Key, MemoryJournal, Record, agent_fn,
};

use crate::common::*;

const SECOND: Duration = Duration::from_secs(1);

/// Takes long until an intent is durable.
#[derive(Debug, Clone)]
struct SlowIntents(MemoryJournal);

impl Journal for SlowIntents {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        let slow = matches!(record.fact, Fact::Intent { .. });
        let taken = self.0.append(record);
        async move {
            if slow {
                tokio::time::sleep(3 * SECOND).await;
            }
            taken.await
        }
        .boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        self.0.load()
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn no_body_begins_when_the_deadline_passed_with_its_intent() {
    let (began, journal) = (Arc::new(AtomicUsize::new(0)), MemoryJournal::new());
    let build = || {
        let began = began.clone();
        agent_fn("a", move |(): (), cx| {
            let began = began.clone();
            async move {
                cx.step("charge", Effect::Irreversible, (), |(), _| async move {
                    began.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                })
                .await
            }
        })
    };
    let slow = new_machine(1).run().with_journal(SlowIntents(journal.clone()));
    let run = slow.with_deadline(SECOND).open().await.unwrap();
    assert_eq!(class(&run.execute(build(), ()).await), Some(Class::DeadlineExceeded));
    assert_eq!(began.load(Ordering::Relaxed), 0);
    // It is known that nothing happened: with more time it is no question for a reconciler.
    let run = new_machine(1).run().with_journal(journal).open().await.unwrap();
    run.execute(build(), ()).await.unwrap();
    assert_eq!(began.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
pub(crate) async fn the_clock_stands_while_the_run_is_suspended() {
    let build = || {
        agent_fn("a", |(): (), cx| async move {
            let go: u32 = cx.signal("go").await?;
            cx.step("s", Effect::Idempotent, go, |go, _| async move {
                tokio::time::sleep(SECOND).await;
                Ok(go)
            })
            .await
        })
    };
    for reopened in [false, true] {
        let machine = new_machine(1);
        let open = || machine.run().with_deadline(60 * SECOND).open();
        let mut run = open().await.unwrap();
        assert_eq!(class(&run.execute(build(), ()).await), Some(Class::Suspended));
        // In this process, which goes on to live.
        tokio::time::sleep(3600 * SECOND).await;
        assert_eq!(run.worked(), Duration::ZERO);
        let delivery = run.deliver(&Key::new("/a!go"), &1).await.unwrap();
        assert_eq!(delivery, Delivery::Accepted);
        if reopened {
            run = open().await.unwrap();
        }
        assert_eq!(run.execute(build(), ()).await.unwrap(), 1);
        assert_eq!(run.worked(), SECOND);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_childs_deadline_is_one_over_all_processes() {
    let build = || {
        agent_fn("a", |(): (), cx| async move {
            let cx = cx.child("child").with_deadline(60 * SECOND);
            for n in 0..20_u32 {
                cx.step("s", Effect::Idempotent, n, |_, _| async move {
                    tokio::time::sleep(10 * SECOND).await;
                    Ok(())
                })
                .await?;
            }
            Ok(())
        })
    };
    let machine = new_machine(1);
    // Without a grace, as if it had been killed.
    let run = machine.run().with_grace(Duration::ZERO).open().await.unwrap();
    let killed = tokio::time::timeout(55 * SECOND, run.execute(build(), ())).await;
    assert!(killed.is_err());
    run.quiesce().await;
    drop(run);
    // The second has only what the first has left.
    for _ in 0..2 {
        let run = machine.run().open().await.unwrap();
        let ended = run.execute(build(), ()).await;
        assert_eq!(class(&ended), Some(Class::DeadlineExceeded));
        assert_eq!(run.worked(), 60 * SECOND);
    }
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_grace_or_a_deadline_may_be_endless() {
    let machine = new_machine(1);
    let work = || agent_fn("a", |(): (), cx| async move { cx.check() });
    let run = machine.run().with_grace(Duration::MAX).open().await.unwrap();
    run.execute(work(), ()).await.unwrap();
    run.cancel();
    assert_eq!(class(&run.execute(work(), ()).await), Some(Class::Cancelled));

    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::MAX / 2);
    let run = new_machine(1).run().with_deadline(Duration::MAX);
    let run = run.with_wall_deadline(far).open().await.unwrap();
    let cx = run.context().child("far").with_wall_deadline(far).with_deadline(Duration::MAX);
    cx.check().unwrap();
    run.execute(work(), ()).await.unwrap();
}
