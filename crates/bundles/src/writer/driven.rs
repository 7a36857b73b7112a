use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError};

use futures::channel::oneshot;

use super::open::Store;
use super::work::{Queue, Worker};
use super::{Append, Change, Command, Ending, Opening, Remounted};
use crate::action::{Action, Entry};
use crate::durability::Durability;
use crate::error::BundleError;
use crate::format::encode_action;
use crate::session::SessionId;
use crate::state::{RunChange, State};

/// A writer without a thread: it works when it is told, so that a test decides what is done
/// together, and the same is done each time.
#[derive(Debug)]
pub(crate) struct Driven {
    commands: Sender<Command>,
    /// Until the end.
    running: Option<(Worker, Receiver<Command>)>,
    ending: Arc<Ending>,
    pub(crate) id: SessionId,
    pub(crate) remounted: Remounted,
}

impl Driven {
    pub(crate) fn open(
        store: Store,
        opening: Opening,
        durability: Durability,
    ) -> Result<Self, BundleError> {
        let (commands, queue) = channel();
        let ending = Arc::new(Ending::default());
        let (worker, remounted) = Worker::open(store, opening, durability, Arc::clone(&ending))?;
        let id = worker.header().id;
        Ok(Self { commands, running: Some((worker, queue)), ending, id, remounted })
    }

    /// Appends these together.
    pub(crate) fn append(&mut self, actions: &[Action]) -> Vec<Result<u64, BundleError>> {
        let send = |action: &Action| {
            let (done, answer) = oneshot::channel();
            let change = match action {
                Action::Journal(record) => Change::Record(RunChange::from(record)),
                action => Change::Action(action.clone()),
            };
            let action = encode_action(action).unwrap();
            let append = Append { time_ms: 1, action, change, done };
            // What is not taken drops its answer.
            let _ = self.commands.send(Command::Append(Box::new(append)));
            answer
        };
        let answers: Vec<_> = actions.iter().map(send).collect();
        self.work();
        answers.into_iter().map(|answer| self.answer(answer)).collect()
    }

    /// Does a job when everything that was appended is written.
    pub(crate) fn act<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Worker) -> Result<T, BundleError> + Send + 'static,
    ) -> Result<T, BundleError> {
        let (done, answer) = oneshot::channel();
        let job = Box::new(move |worker: &mut Worker| drop(done.send(job(worker))));
        let _ = self.commands.send(Command::Do(job));
        self.work();
        self.answer(answer)
    }

    /// Everything that is in the log, each line and blob checked.
    pub(crate) fn entries(&mut self) -> Result<Vec<Entry>, BundleError> {
        self.act(|worker| {
            let mut entries = Vec::new();
            worker.log()?.entries(0, &mut |entry| {
                entries.push(entry);
                Ok(std::ops::ControlFlow::Continue(()))
            })?;
            Ok(entries)
        })
    }

    /// What the actions that were acknowledged have come to.
    pub(crate) fn state(&self) -> Option<State> {
        let (worker, _) = self.running.as_ref()?;
        Some(worker.state().read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    pub(crate) fn close(&mut self) -> Result<(), BundleError> {
        let (done, answer) = oneshot::channel();
        let _ = self.commands.send(Command::Close { done });
        self.work();
        self.answer(answer)
    }

    /// Lets go of the session, as a bundle does that is dropped.
    pub(crate) fn finish(mut self) {
        let _ = self.commands.send(Command::Finish);
        self.work();
    }

    fn work(&mut self) {
        let Some((worker, queue)) = &mut self.running else { return };
        let first = queue.try_recv().expect("a command was sent");
        if let Err(end) = worker.work(first, queue, &mut Queue::default()) {
            let (worker, _) = self.running.take().expect("it ran just now");
            worker.end(end);
        }
    }

    fn answer<T>(
        &self,
        mut answer: oneshot::Receiver<Result<T, BundleError>>,
    ) -> Result<T, BundleError> {
        match answer.try_recv() {
            Ok(Some(answer)) => answer,
            Ok(None) => panic!("a command was left without an answer"),
            Err(_) => Err(self.ending.error()),
        }
    }
}
