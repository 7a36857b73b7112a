use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use futures::channel::oneshot;

use super::work::{Waiting, Worker};
use super::{Command, Ending};
use crate::action::{Action, Entry};
use crate::durability::Durability;
use crate::error::BundleError;
use crate::format::encode_action;
use crate::log::Recovery;
use crate::session::SessionId;
use crate::store::{Opening, Place};

/// A writer without a thread: it works when it is told, so that a test decides what is done
/// together, and the same is done each time.
#[derive(Debug)]
pub(crate) struct Driven {
    commands: Sender<Command>,
    /// Until the end.
    running: Option<(Worker, Receiver<Command>)>,
    waiting: Vec<Waiting>,
    ending: Arc<Ending>,
    pub(crate) id: SessionId,
    pub(crate) recovery: Option<Recovery>,
}

impl Driven {
    pub(crate) fn open(
        place: Place,
        opening: Opening,
        durability: Durability,
    ) -> Result<Self, BundleError> {
        let (commands, queue) = channel();
        let ending = Arc::new(Ending::new(place.dir().to_owned()));
        let (worker, recovery) = Worker::open(place, opening, durability, Arc::clone(&ending))?;
        let id = worker.header().id;
        let (running, waiting) = (Some((worker, queue)), Vec::new());
        Ok(Self { commands, running, waiting, ending, id, recovery })
    }

    /// Appends these together.
    pub(crate) fn append(&mut self, actions: &[Action]) -> Vec<Result<u64, BundleError>> {
        let send = |action| {
            let (done, answer) = oneshot::channel();
            let action = encode_action(action).unwrap();
            // What is not taken drops its answer.
            let _ = self.commands.send(Command::Append { time_ms: 1, action, done });
            answer
        };
        let answers: Vec<_> = actions.iter().map(send).collect();
        self.work();
        answers.into_iter().map(|answer| self.answer(answer)).collect()
    }

    pub(crate) fn actions(&mut self) -> Result<Vec<Entry>, BundleError> {
        let (done, answer) = oneshot::channel();
        let job = Command::Read(Box::new(move |view| {
            let mut entries = Vec::new();
            let read = view.verify().and_then(|_| view.read(|entry| entries.push(entry)));
            let _ = done.send(read.map(|_| entries));
        }));
        let _ = self.commands.send(job);
        self.work();
        self.answer(answer)
    }

    pub(crate) fn close(&mut self) -> Result<(), BundleError> {
        let (done, answer) = oneshot::channel();
        let _ = self.commands.send(Command::Close { time_ms: 1, done });
        self.work();
        self.answer(answer)
    }

    fn work(&mut self) {
        let Some((worker, queue)) = &mut self.running else { return };
        let first = queue.try_recv().expect("a command was sent");
        if let Err(end) = worker.work(first, queue, &mut self.waiting) {
            let (worker, _) = self.running.take().expect("it ran just now");
            worker.end(end, std::mem::take(&mut self.waiting));
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
