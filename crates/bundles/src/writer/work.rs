use std::sync::Arc;
use std::sync::mpsc::Receiver;

use futures::channel::oneshot;

use super::appender::Appender;
use super::{Command, Ending, View};
use crate::durability::Durability;
use crate::error::BundleError;
use crate::log::Recovery;
use crate::session::Header;
use crate::store::{self, Lock, Opened, Opening, Place};

/// The work of the thread.
#[derive(Debug)]
pub(super) struct Worker {
    place: Place,
    header: Header,
    appender: Appender,
    lock: Lock,
    ending: Arc<Ending>,
}

/// Why the work is over.
pub(super) enum End {
    Finished,
    Closed(oneshot::Sender<Result<(), BundleError>>),
    Failed(BundleError),
}

/// An append that waits for its commit.
#[derive(Debug)]
pub(super) struct Waiting {
    seq: u64,
    done: oneshot::Sender<Result<u64, BundleError>>,
}

impl Worker {
    /// Opens the session. How the work ends is said to `ending`.
    pub(super) fn open(
        place: Place,
        opening: Opening,
        durability: Durability,
        ending: Arc<Ending>,
    ) -> Result<(Self, Option<Recovery>), BundleError> {
        let Opened { header, recovery, log, extent, lock } = store::open(&place, opening)?;
        let appender = Appender::new(log, place.log(), extent, durability);
        Ok((Self { place, header, appender, lock, ending }, recovery))
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// Works until the bundle is closed, dropped or stopped by a failure.
    pub(super) fn run(mut self, queue: &Receiver<Command>) {
        let mut waiting = Vec::new();
        let end = loop {
            // Only a bundle that was never built lets go of the queue without a word.
            let Ok(command) = queue.recv() else {
                break End::Finished;
            };
            if let Err(end) = self.work(command, queue, &mut waiting) {
                break end;
            }
        };
        self.end(end, waiting);
    }

    /// Does everything that waits, and commits it together.
    pub(super) fn work(
        &mut self,
        first: Command,
        queue: &Receiver<Command>,
        waiting: &mut Vec<Waiting>,
    ) -> Result<(), End> {
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Append { time_ms, action, done } => {
                    let seq = self.appender.push(time_ms, &action);
                    waiting.push(Waiting { seq, done });
                    if self.appender.is_full() {
                        self.commit(waiting)?;
                    }
                }
                Command::Read(job) => {
                    self.commit(waiting)?;
                    job(self.view());
                }
                Command::Stop(error) => {
                    self.commit(waiting)?;
                    return Err(End::Failed(error));
                }
                Command::Close { time_ms, done } => {
                    self.commit(waiting)?;
                    return Err(self.close(time_ms, done));
                }
                Command::Finish => {
                    self.commit(waiting)?;
                    return Err(End::Finished);
                }
            }
            next = queue.try_recv().ok();
        }
        self.commit(waiting)
    }

    fn commit(&mut self, waiting: &mut Vec<Waiting>) -> Result<(), End> {
        self.appender.commit().map_err(End::Failed)?;
        for Waiting { seq, done } in waiting.drain(..) {
            // Whoever dropped the future did not want to know.
            let _ = done.send(Ok(seq));
        }
        Ok(())
    }

    fn view(&self) -> View<'_> {
        let written = self.appender.committed();
        View { place: &self.place, header: &self.header, written }
    }

    fn close(&mut self, time_ms: u64, done: oneshot::Sender<Result<(), BundleError>>) -> End {
        match self.appender.close(time_ms) {
            Ok(()) => End::Closed(done),
            Err(error) => End::Failed(error),
        }
    }

    /// Lets go of the files before anyone is told, so that whoever is told can remount at once.
    pub(super) fn end(self, end: End, waiting: Vec<Waiting>) {
        let Self { place, appender, lock, ending, .. } = self;
        let dir = place.dir().to_owned();
        drop((appender, lock));
        match end {
            End::Finished => {}
            End::Closed(done) => {
                ending.say(BundleError::Closed { dir });
                let _ = done.send(Ok(()));
            }
            End::Failed(error) => {
                let source = Arc::new(error.clone());
                ending.say(BundleError::Stopped { dir, source });
                for Waiting { done, .. } in waiting {
                    let _ = done.send(Err(error.clone()));
                }
            }
        }
    }
}
