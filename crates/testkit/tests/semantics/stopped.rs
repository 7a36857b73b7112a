//! A journal that takes nothing more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{BoxFuture, FutureExt, ready};
use maniple_core::{
    AgentError, Class, Effect, Journal, JournalError, MemoryJournal, Record, Run, Source, agent_fn,
};

/// Takes so many records and then stops, as a full disk would make it.
#[derive(Debug, Clone)]
struct Full {
    journal: MemoryJournal,
    room: Arc<AtomicUsize>,
}

impl Journal for Full {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        let room = self.room.load(Ordering::Relaxed);
        if room == 0 {
            let source = Source::new("no space left on device");
            return ready(Err(JournalError::Stopped { source })).boxed();
        }
        self.room.store(room - 1, Ordering::Relaxed);
        self.journal.append(record)
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        self.journal.load()
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_journal_parks_the_run() {
    let effects = Arc::new(AtomicUsize::new(0));
    let agent = || {
        let effects = effects.clone();
        agent_fn("work", move |(): (), cx| {
            let effects = effects.clone();
            async move {
                for name in ["a", "b", "c"] {
                    let effects = effects.clone();
                    let done = cx
                        .step(name, Effect::Idempotent, (), move |(), _| async move {
                            effects.fetch_add(1, Ordering::Relaxed);
                            Ok(())
                        })
                        .await;
                    // An agent that goes on all the same gets nowhere.
                    if name == "c" {
                        done?;
                    }
                }
                Ok(())
            }
        })
    };
    // Room for nothing: the run cannot be opened. Then for ever more records: intent and receipt of
    // each step, and the end.
    for room in 0..8 {
        effects.store(0, Ordering::Relaxed);
        let journal = MemoryJournal::new();
        let full = Full { journal: journal.clone(), room: Arc::new(room.into()) };
        let result = match Run::builder("full").with_journal(full).open().await {
            Ok(run) => run.execute(agent(), ()).await,
            Err(error) => Err(error),
        };
        let error = result.unwrap_err();
        assert!(matches!(error, AgentError::Journal { .. }), "room for {room}: {error}");
        assert_eq!(error.class(), Class::Parked);
        assert!(error.recorded().text.contains("no space left"), "{}", error.recorded().text);
        let begun = effects.load(Ordering::Relaxed);
        assert_eq!(begun, (room / 2).min(3), "no effect without a durable intent");

        // With room again, the run goes on where it stopped.
        let run = Run::builder("full").with_journal(journal).open().await.unwrap();
        run.execute(agent(), ()).await.unwrap();
        let doubted = usize::from(room == 2 || room == 4 || room == 6);
        assert_eq!(effects.load(Ordering::Relaxed), 3 + doubted);
    }
}
