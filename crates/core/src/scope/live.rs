use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::sync::{Arc, AtomicBool, AtomicUsize, Mutex, Ordering, PoisonError};

/// Every task of a scope holds its scope's token, which holds the tokens of the scopes around it. So
/// [`Ended`] resolves only when the last task below a scope is gone, however deep.
#[derive(Debug)]
pub(crate) struct Live {
    fenced: AtomicBool,
    orphaned: AtomicBool,
    /// Tasks below that were given up, counted by whoever did so.
    zombies: AtomicUsize,
    /// Dropped scopes below that are being reaped.
    reapers: AtomicUsize,
    parent: Option<Arc<Live>>,
    end: Arc<End>,
}

impl Live {
    pub(crate) fn new(parent: Option<Arc<Self>>) -> (Arc<Self>, Ended) {
        let end = Arc::new(End { state: Mutex::new(State::Unwatched) });
        let live = Self {
            fenced: AtomicBool::new(false),
            orphaned: AtomicBool::new(false),
            zombies: AtomicUsize::new(0),
            reapers: AtomicUsize::new(0),
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
            live.zombies.fetch_add(tasks, Ordering::AcqRel);
        }
    }

    pub(crate) fn zombies(&self) -> usize {
        self.zombies.load(Ordering::Acquire)
    }

    /// Whether dropped scopes below are still being ended by somebody.
    pub(crate) fn is_being_reaped(&self) -> bool {
        self.reapers.load(Ordering::Acquire) > 0
    }

    /// Says that somebody ends what this scope, which was dropped, has left.
    pub(crate) fn reap(&self) -> Reaping {
        for live in self.outwards().skip(1) {
            live.reapers.fetch_add(1, Ordering::AcqRel);
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
        if let State::Watched(waker) = self.end.replace(State::Over) {
            waker.wake();
        }
    }
}

/// Held while a dropped scope is being reaped. The scopes around it live for as long.
#[derive(Debug)]
pub(crate) struct Reaping(Option<Arc<Live>>);

impl Drop for Reaping {
    fn drop(&mut self) {
        for live in self.0.iter().flat_map(|around| around.outwards()) {
            if live.reapers.fetch_sub(1, Ordering::AcqRel) == 1 {
                live.end.wake();
            }
        }
    }
}

/// Resolves when every holder of the token is gone. Whoever waits is woken, too, when the last dropped
/// scope below has been reaped.
#[derive(Debug)]
pub(crate) struct Ended(Arc<End>);

impl Future for Ended {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Over => return Poll::Ready(()),
            State::Watched(waker) if waker.will_wake(cx.waker()) => {}
            State::Watched(_) | State::Unwatched => *state = State::Watched(cx.waker().clone()),
        }
        Poll::Pending
    }
}

#[derive(Debug)]
struct End {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Unwatched,
    Watched(Waker),
    Over,
}

impl End {
    fn wake(&self) {
        // Over, it stays so: whoever wakes holds the token.
        if let State::Watched(waker) = self.replace(State::Unwatched) {
            waker.wake();
        }
    }

    /// The waker is woken by the caller, when the lock is free again.
    fn replace(&self, state: State) -> State {
        let mut here = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut here, state)
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
