use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::sync::{Arc, AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};

/// Every task of a scope holds its scope's token, which holds the tokens of the scopes around it. So
/// [`Ended`] resolves only when the last task below a scope is gone, however deep.
#[derive(Debug)]
pub(crate) struct Live {
    fenced: AtomicBool,
    orphaned: AtomicBool,
    parent: Option<Arc<Live>>,
    end: Arc<End>,
}

impl Live {
    pub(crate) fn new(parent: Option<Arc<Self>>) -> (Arc<Self>, Ended) {
        let end = Arc::new(End(Mutex::new(Below::default())));
        let live = Self {
            fenced: AtomicBool::new(false),
            orphaned: AtomicBool::new(false),
            parent,
            end: end.clone(),
        };
        (Arc::new(live), Ended(end))
    }

    /// From here on nothing below this scope may write to the journal.
    pub(crate) fn fence(&self) {
        self.fenced.store(true, Ordering::Release);
    }

    pub(crate) fn is_fenced(&self) -> bool {
        self.outwards().any(|live| live.fenced.load(Ordering::Acquire))
    }

    /// From here on nobody waits for what is below this scope before ending what is around it.
    pub(crate) fn orphan(&self) {
        self.orphaned.store(true, Ordering::Release);
    }

    pub(crate) fn is_orphaned(&self) -> bool {
        self.outwards().any(|live| live.orphaned.load(Ordering::Acquire))
    }

    /// Fences what could not be ended, and counts it as zombies of every scope around it.
    pub(crate) fn give_up(&self, tasks: usize) {
        self.fence();
        for live in self.outwards() {
            live.end.below().zombies += tasks;
        }
    }

    /// Says that somebody ends what this scope, which was dropped, has left.
    pub(crate) fn reap(&self) -> Reaping {
        for live in self.outwards().skip(1) {
            live.end.below().reapers += 1;
        }
        Reaping(self.parent.clone())
    }

    /// This scope and those around it.
    fn outwards(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |live| live.parent.as_deref())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end.change(|below| below.gone = true);
    }
}

/// Held while a dropped scope is being reaped. The scopes around it live for as long.
#[derive(Debug)]
pub(crate) struct Reaping(Option<Arc<Live>>);

impl Drop for Reaping {
    fn drop(&mut self) {
        for live in self.0.iter().flat_map(|around| around.outwards()) {
            live.end.change(|below| below.reapers -= 1);
        }
    }
}

/// Resolves when every holder of the token is gone.
#[derive(Debug)]
pub(crate) struct Ended(Arc<End>);

impl Ended {
    /// Waits until no dropped scope below is being reaped: what is left then, nobody can end.
    pub(crate) async fn reaped(&mut self) {
        poll_fn(|cx| self.0.poll(cx, |below| below.gone || below.reapers == 0)).await;
    }

    /// How many tasks below were given up.
    pub(crate) fn zombies(&self) -> usize {
        self.0.below().zombies
    }
}

impl Future for Ended {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx, |below| below.gone)
    }
}

/// What is known of a scope by who waits for its end, and does not hold its token.
#[derive(Debug)]
struct End(Mutex<Below>);

#[derive(Debug, Default)]
struct Below {
    /// Nobody holds the token.
    gone: bool,
    /// Dropped scopes below that somebody ends.
    reapers: usize,
    zombies: usize,
    waker: Option<Waker>,
}

impl End {
    fn below(&self) -> MutexGuard<'_, Below> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Below)) {
        let mut below = self.below();
        change(&mut below);
        let waker = below.waker.take();
        drop(below);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Under the lock that changes are made under, so that none comes between the look and the waker.
    fn poll(&self, cx: &mut Context<'_>, is_over: impl FnOnce(&Below) -> bool) -> Poll<()> {
        let mut below = self.below();
        if is_over(&below) {
            return Poll::Ready(());
        }
        if !below.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            below.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// Cuts what is left of a scope off from the journal where nobody could end it in order.
#[derive(Debug)]
pub(super) struct Fence(pub(super) Option<Arc<Live>>);

impl Drop for Fence {
    fn drop(&mut self) {
        if let Some(live) = &self.0 {
            live.fence();
        }
    }
}
