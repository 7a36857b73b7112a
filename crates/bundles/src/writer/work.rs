use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use futures::channel::oneshot;

use super::batch::Batch;
use super::open::{Opened, Opening, Remounted, Snapshot, Store, open};
use super::{Append, Change, Command, Ending};
use crate::action::{Action, Entry};
use crate::bundle::now_ms;
use crate::durability::Durability;
use crate::error::BundleError;
use crate::format::Encoded;
use crate::log::{Log, Tip};
use crate::session::{Card, Header};
use crate::state::{RunChange, State};
use crate::store::{BundleStore, Document, SessionReader, SessionWriter};

/// The work of the thread.
#[derive(Debug)]
pub(crate) struct Worker {
    store: Store,
    header: Header,
    writer: Box<dyn SessionWriter>,
    batch: Batch,
    durability: Durability,
    state: Arc<RwLock<State>>,
    /// Why no more records of runs are taken.
    journal_stopped: Option<Arc<BundleError>>,
    ending: Arc<Ending>,
}

/// Why the work is over.
pub(super) enum End {
    Finished,
    Closed(oneshot::Sender<Result<(), BundleError>>, Result<(), BundleError>),
}

/// An append that waits for its commit.
struct Waiting {
    seq: u64,
    time_ms: u64,
    change: Change,
    done: oneshot::Sender<Result<u64, BundleError>>,
}

/// The appends that wait for a commit.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
    /// When the first of them came.
    since: Option<Instant>,
}

impl Worker {
    /// Opens the session. How the work ends is said to `ending`.
    pub(crate) fn open(
        store: Store,
        opening: Opening,
        durability: Durability,
        ending: Arc<Ending>,
    ) -> Result<(Self, Remounted), BundleError> {
        let Opened { header, writer, tip, state, remounted } = open(&*store, opening)?;
        let worker = Self {
            store,
            header,
            writer,
            batch: Batch::new(tip),
            durability,
            state: Arc::new(RwLock::new(state)),
            journal_stopped: None,
            ending,
        };
        Ok((worker, remounted))
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn state(&self) -> Arc<RwLock<State>> {
        Arc::clone(&self.state)
    }

    pub(crate) fn store(&self) -> &dyn BundleStore {
        &*self.store
    }

    pub(crate) fn writer(&mut self) -> &mut dyn SessionWriter {
        &mut *self.writer
    }

    pub(crate) fn reader(&self) -> &dyn SessionReader {
        &*self.writer
    }

    /// Writes an action at once, as everything accepted before is.
    pub(crate) fn append_now(
        &mut self,
        action: Action,
        encoded: Encoded,
    ) -> Result<u64, BundleError> {
        let time_ms = now_ms();
        let seq = self.batch.push(&self.header, time_ms, encoded);
        self.batch.commit(&mut *self.writer, self.durability.commit())?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.apply(Entry { seq, time_ms, action });
        Ok(seq)
    }

    /// What is written.
    pub(crate) fn tip(&self) -> Tip {
        self.batch.committed()
    }

    pub(crate) fn log(&self) -> Result<Log<'_>, BundleError> {
        Log::open(&*self.store, &self.header, &*self.writer)
    }

    /// Makes everything written durable.
    pub(crate) fn sync(&mut self) -> Result<(), BundleError> {
        self.writer.sync()?;
        self.batch.synced();
        Ok(())
    }

    /// Writes down what everything has come to.
    pub(crate) fn snapshot(&mut self) -> Result<(), BundleError> {
        self.sync()?;
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let snapshot = Snapshot::new(self.batch.committed(), &*state).to_bytes()?;
        drop(state);
        self.writer.put_document(Document::Snapshot, &snapshot)?;
        self.put_card(false)
    }

    /// Writes down what lists show.
    pub(crate) fn put_card(&mut self, closed: bool) -> Result<(), BundleError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let card = Card::new(self.batch.committed(), &state, closed).to_bytes()?;
        drop(state);
        self.writer.put_document(Document::Card, &card)
    }

    /// Works until the bundle is closed or dropped.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let mut queue = Queue::default();
        let end = loop {
            // Only a bundle that was never built lets go of the queue without a word.
            let Ok(command) = commands.recv() else {
                break End::Finished;
            };
            if let Err(end) = self.work(command, commands, &mut queue) {
                break end;
            }
        };
        self.end(end);
    }

    /// Does everything that waits, and commits it together.
    pub(super) fn work(
        &mut self,
        first: Command,
        commands: &Receiver<Command>,
        queue: &mut Queue,
    ) -> Result<(), End> {
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Append(append) => self.append(*append, queue),
                Command::Do(job) => {
                    self.commit(queue);
                    job(self);
                }
                Command::StopJournal(error) => {
                    self.commit(queue);
                    self.stop_journal(&error);
                }
                Command::Close { done } => {
                    self.commit(queue);
                    let closed = self.close();
                    return Err(End::Closed(done, closed));
                }
                Command::Finish => {
                    self.commit(queue);
                    return Err(End::Finished);
                }
            }
            next = self.next(commands, queue);
        }
        self.commit(queue);
        Ok(())
    }

    /// The next command, if there is one in time.
    fn next(&self, commands: &Receiver<Command>, queue: &Queue) -> Option<Command> {
        let (Durability::Grouped { max_delay }, Some(since)) = (self.durability, queue.since)
        else {
            return commands.try_recv().ok();
        };
        let left = max_delay.saturating_sub(since.elapsed());
        if left.is_zero() && !max_delay.is_zero() {
            // Whoever came first has waited long enough, however many there are behind.
            return None;
        }
        // A bundle lets go of its queue only with its last command.
        commands.recv_timeout(left).ok()
    }

    fn append(&mut self, append: Append, queue: &mut Queue) {
        let Append { time_ms, action, change, done } = append;
        if let (Change::Record(_), Some(source)) = (&change, &self.journal_stopped) {
            // Whoever dropped the future did not want to know.
            let _ = done.send(Err(self.stopped(source)));
            return;
        }
        let seq = self.batch.push(&self.header, time_ms, action);
        queue.waiting.push(Waiting { seq, time_ms, change, done });
        queue.since.get_or_insert_with(Instant::now);
        if self.batch.is_full() {
            self.commit(queue);
        }
    }

    fn commit(&mut self, queue: &mut Queue) {
        queue.since = None;
        if queue.waiting.is_empty() {
            return;
        }
        let committed = self.batch.commit(&mut *self.writer, self.durability.commit());
        if let Err(error) = &committed
            && queue.waiting.iter().any(|waiting| matches!(waiting.change, Change::Record(_)))
        {
            // What is durable of a run is always a prefix of what was accepted.
            self.stop_journal(error);
        }
        let waiting = std::mem::take(&mut queue.waiting);
        let (mut answers, mut is_shown) = (Vec::with_capacity(waiting.len()), false);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for Waiting { seq, time_ms, change, done } in waiting {
            match change {
                _ if committed.is_err() => {}
                Change::Record(change) => {
                    is_shown |= change != RunChange::Other;
                    state.apply_record(time_ms, change);
                }
                Change::Action(action) => {
                    is_shown |= Card::shows(&action);
                    state.apply(Entry { seq, time_ms, action });
                }
            }
            answers.push((seq, done));
        }
        drop(state);
        if is_shown {
            // It is written again with the next snapshot, and when the session is closed.
            let _ = self.put_card(false);
        }
        for (seq, done) in answers {
            // Whoever dropped the future did not want to know.
            let _ = done.send(committed.clone().map(|()| seq));
        }
    }

    fn stop_journal(&mut self, error: &BundleError) {
        self.journal_stopped.get_or_insert_with(|| Arc::new(error.clone()));
    }

    fn stopped(&self, source: &Arc<BundleError>) -> BundleError {
        let (dir, source) = (self.writer.location().to_owned(), Arc::clone(source));
        BundleError::Stopped { dir, source }
    }

    fn close(&mut self) -> Result<(), BundleError> {
        self.writer.close()?;
        self.put_card(true)
    }

    /// Lets go of the session before anyone is told, so that whoever is told can remount at once.
    pub(super) fn end(self, end: End) {
        let dir = self.writer.location().to_owned();
        let Self { writer, ending, .. } = self;
        drop(writer);
        ending.say(BundleError::Closed { dir });
        if let End::Closed(done, closed) = end {
            let _ = done.send(closed);
        }
    }
}
