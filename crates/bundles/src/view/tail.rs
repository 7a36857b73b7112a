use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::{Builder, sleep};
use std::time::Duration;

use futures::channel::mpsc::{Receiver, Sender, channel};
use futures::executor::block_on;
use futures::{SinkExt, Stream};

use super::SessionView;
use crate::action::Entry;
use crate::error::{Attempt, BundleError};
use crate::log::{Chain, Log, Step};

/// How long it waits before it looks again.
const INTERVAL: Duration = Duration::from_millis(250);

/// How many actions wait for whoever reads the stream.
const AHEAD: usize = 64;

/// The actions of a session as they come: see [`SessionView::tail`].
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct Tail {
    entries: Receiver<Result<Entry, BundleError>>,
}

impl Tail {
    pub(super) fn start(view: SessionView, from: u64) -> Self {
        let (mut out, entries) = channel(AHEAD);
        let mut refused = out.clone();
        let name = "maniple-tail";
        let started = Builder::new().name(name.into()).spawn(move || {
            if let Err(error) = follow(&view, from, &mut out) {
                // Whoever dropped the stream does not want to know.
                let _ = block_on(out.send(Err(error)));
            }
        });
        if let Err(error) = started.attempt("start the thread", name.as_ref()) {
            // There is room for it: every sender has a place of its own.
            let _ = refused.try_send(Err(error));
        }
        Self { entries }
    }
}

impl Stream for Tail {
    type Item = Result<Entry, BundleError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.entries).poll_next(cx)
    }
}

/// Follows the log until nobody listens.
fn follow(
    view: &SessionView,
    from: u64,
    out: &mut Sender<Result<Entry, BundleError>>,
) -> Result<(), BundleError> {
    let mut chain = Chain::from_the_beginning(view.header());
    let mut next = from;
    while !out.is_closed() {
        match show(view, &mut chain, &mut next, out) {
            // What the chain would go on with was dropped. It is skipped.
            Err(BundleError::Rewritten { .. } | BundleError::Blob { is_missing: true, .. }) => {
                chain = Chain::from_the_beginning(view.header());
                show(view, &mut chain, &mut next, out)
            }
            shown => shown,
        }?;
        sleep(INTERVAL);
    }
    Ok(())
}

/// Shows what there is behind the chain from action `next` on.
fn show(
    view: &SessionView,
    chain: &mut Chain<'_>,
    next: &mut u64,
    out: &mut Sender<Result<Entry, BundleError>>,
) -> Result<(), BundleError> {
    let id = view.header().id;
    let reader = SessionView::find(view.store.clone(), id).and_then(|_| view.store.read(id))?;
    let log = Log::open(&*view.store, view.header(), &*reader)?;
    log.replay(chain, u64::MAX, &mut |step, line| {
        let Step::Action(action) = step else { return Ok(ControlFlow::Continue(())) };
        if action.seq < *next {
            return Ok(ControlFlow::Continue(()));
        }
        let entry = log.read(&action, line)?;
        *next = action.seq.saturating_add(1);
        Ok(match block_on(out.send(Ok(entry))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        })
    })
}
