//! The thread that owns an open session: everything that is done to its files is done there, in the
//! order in which it was asked for.

mod appender;
#[cfg(test)]
mod driven;
mod ending;
#[cfg(test)]
mod tests;
mod view;
mod work;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

use futures::channel::oneshot;

#[cfg(test)]
pub(crate) use driven::Driven;
pub(crate) use ending::Ending;
pub(crate) use view::View;

use crate::durability::Durability;
use crate::error::{Attempt, BundleError};
use crate::log::Recovery;
use crate::session::Header;
use crate::store::{Opening, Place};
use work::Worker;

/// What the thread is asked to do.
pub(crate) enum Command {
    /// Write an encoded action; the answer is its number.
    Append { time_ms: u64, action: Vec<u8>, done: oneshot::Sender<Result<u64, BundleError>> },
    /// Read what was accepted so far.
    Read(Box<dyn FnOnce(View<'_>) + Send>),
    /// Take nothing more, because something that was to be accepted cannot be.
    Stop(BundleError),
    /// Mark the log as closed and end.
    Close { time_ms: u64, done: oneshot::Sender<Result<(), BundleError>> },
    /// End.
    Finish,
}

/// A running writer.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) commands: Sender<Command>,
    pub(crate) ending: Arc<Ending>,
    pub(crate) thread: JoinHandle<()>,
    pub(crate) header: Header,
    pub(crate) recovery: Option<Recovery>,
}

impl Writer {
    /// Starts a thread, which opens the session and then waits for commands.
    ///
    /// If the future is dropped, the thread finds nobody to work for and ends.
    pub(crate) async fn start(
        place: Place,
        opening: Opening,
        durability: Durability,
    ) -> Result<Self, BundleError> {
        let dir = place.dir().to_owned();
        let (commands, queue) = channel();
        let (opened, answer) = oneshot::channel();
        let ending = Arc::new(Ending::new(dir.clone()));
        let on_thread = {
            let ending = Arc::clone(&ending);
            move || match Worker::open(place, opening, durability, ending) {
                Err(error) => drop(opened.send(Err(error))),
                Ok((worker, recovery)) => {
                    if opened.send(Ok((worker.header().clone(), recovery))).is_ok() {
                        worker.run(&queue);
                    }
                }
            }
        };
        let thread = Builder::new()
            .name("maniple-bundle".into())
            .spawn(on_thread)
            .attempt("start a thread for", &dir)?;
        let died = |_| Err(BundleError::WriterDied { dir });
        let (header, recovery) = answer.await.unwrap_or_else(died)?;
        Ok(Self { commands, ending, thread, header, recovery })
    }
}
