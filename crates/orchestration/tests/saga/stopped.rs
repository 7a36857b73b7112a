//! Steps that are stopped at the very end.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use maniple_core::{AgentError, Effect, Fact, Journal, JournalError, MemoryJournal, Record, Run};
use maniple_orchestration::{Compensated, Saga};
use tokio::time::sleep;

use crate::world::*;

/// Takes long over one receipt.
#[derive(Debug, Clone)]
struct SlowReceipt {
    inner: MemoryJournal,
    of: &'static str,
}

impl Journal for SlowReceipt {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        let is_slow = record.key.as_str() == self.of && matches!(record.fact, Fact::Receipt { .. });
        let taken = self.inner.append(record);
        async move {
            if is_slow {
                sleep(Duration::from_secs(60)).await;
            }
            taken.await
        }
        .boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        self.inner.load()
    }
}

/// Aborted between its receipt and its return, a step has been completed.
#[tokio::test(start_paused = true)]
async fn what_is_aborted_behind_its_receipt_is_taken_back() {
    let world = World::default();
    let journal = SlowReceipt { inner: MemoryJournal::new(), of: "/saga[slow]/do/slow" };
    let mut saga = Saga::builder("saga");
    saga.with_grace(Duration::from_secs(1));
    let (acting, undoing) = (world.clone(), world.clone());
    saga.step("slow")
        .run(Effect::Reversible, move |(), (), _| {
            let world = acting.clone();
            async move {
                world.act("slow");
                Ok(())
            }
        })
        .undo(move |undo, _| {
            let world = undoing.clone();
            async move {
                assert_eq!(undo.output, Some(()), "it was completed");
                world.undo("slow");
                Ok(())
            }
        });
    saga.step("fails")
        .first()
        .run(Effect::Pure, |(), (), _| async {
            sleep(Duration::from_secs(5)).await;
            Err::<(), _>(AgentError::permanent("no"))
        })
        .nothing_to_undo();
    let saga = saga.build(()).unwrap();
    let run = Run::builder("saga").with_journal(journal).open().await.unwrap();
    let error = run.execute(saga, ()).await.unwrap_err();
    let AgentError::Failed { source, .. } = &error else { panic!("{error:?}") };
    let compensated = source.downcast_ref::<Compensated>().unwrap();
    assert_eq!(compensated.undone.iter().map(|step| &**step).collect::<Vec<_>>(), ["slow"]);
    assert_eq!(world.log(), ["slow", "-slow"]);
}
