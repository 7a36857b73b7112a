use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::select;
use futures::stream::{BoxStream, StreamExt};
use maniple_core::{AgentError, Children, RunContext, Timing};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Begun;
use super::child::{Child, Naming};
use super::pulling::{Item, Pulling};
use super::settlement::{Fate, Settlement};
use crate::inputs::{Inputs, Source};

/// Inputs that are pulled by several workers, and what became of them.
///
/// No input is pulled that is further ahead of what was taken in than the window, so that a slow
/// child bounds what its siblings pile up.
pub(super) struct Queue<I, O> {
    inputs: Mutex<Pulling<I>>,
    /// A stream is asked by one worker at a time: it wakes only who asked it last.
    stream: tokio::sync::Mutex<Option<BoxStream<'static, I>>>,
    is_stream: bool,
    ended: Mutex<Vec<Ended<O>>>,
    /// How many inputs were taken in, in the order that the pattern needs them.
    taken: AtomicUsize,
    window: usize,
    stopped: AtomicBool,
    /// Whether all workers were busy when the last input was pulled.
    short: AtomicBool,
    idle: AtomicUsize,
    /// Wakes the driver.
    news: Notify,
    /// Wakes workers that wait for the window.
    room: Notify,
    began: Instant,
    /// How an earlier process settled this.
    settled: Option<Settlement>,
    /// Where inputs are pulled although the scope is being stopped: what stops that.
    replays_until: Option<RunContext>,
    /// The input that each worker is at, counted from 1.
    at: Mutex<Vec<Arc<AtomicUsize>>>,
}

/// What became of an input.
pub(super) struct Ended<O> {
    pub(super) index: usize,
    pub(super) child: Child,
    pub(super) end: End<O>,
    pub(super) began: Instant,
    pub(super) at: Instant,
}

#[derive(Debug)]
pub(crate) enum End<O> {
    /// Its child has ended.
    Ran(Result<O, AgentError>),
    /// Its worker was aborted.
    Aborted,
    /// The journal knows that it does not count.
    LeftOut(Fate),
}

/// What there is to pull of a list.
enum Pull<I> {
    Item(Item<I>),
    Empty,
    /// The window does not let the next one through.
    NoRoom,
}

impl<I: Send + 'static, O> Queue<I, O> {
    pub(super) fn new(
        inputs: Inputs<I>,
        naming: Naming<I>,
        window: usize,
        settled: Option<Settlement>,
        replays_until: Option<RunContext>,
    ) -> Self {
        let (list, stream) = match inputs.0 {
            Source::List { left, .. } => (Some(left), None),
            Source::Stream(items) => (None, Some(items)),
        };
        Self {
            is_stream: stream.is_some(),
            inputs: Mutex::new(Pulling::new(list, naming)),
            stream: tokio::sync::Mutex::new(stream),
            ended: Mutex::new(Vec::new()),
            taken: AtomicUsize::new(0),
            window,
            stopped: AtomicBool::new(false),
            short: AtomicBool::new(false),
            idle: AtomicUsize::new(0),
            news: Notify::new(),
            room: Notify::new(),
            began: Instant::now(),
            settled,
            replays_until,
            at: Mutex::new(Vec::new()),
        }
    }

    /// Lets nothing more be pulled.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.room.notify_waiters();
    }

    /// Says how many inputs were taken in.
    pub(super) fn advance(&self, taken: usize) {
        if self.taken.swap(taken, Ordering::AcqRel) != taken {
            self.room.notify_waiters();
        }
    }

    /// The children that workers have come by.
    pub(super) fn children(&self) -> Vec<Child> {
        lock(&self.inputs).children()
    }

    /// The next input that no worker has pulled, whatever has stopped them.
    pub(super) async fn rest(&self) -> Option<Item<I>> {
        if !self.is_stream {
            let mut inputs = lock(&self.inputs);
            let input = inputs.list.as_mut().and_then(Iterator::next);
            return inputs.take(input);
        }
        let mut stream = self.stream.lock().await;
        let input = match &mut *stream {
            Some(items) => items.next().await,
            None => None,
        };
        lock(&self.inputs).take(input)
    }

    /// Takes what has ended since the last time.
    pub(super) fn take(&self) -> Vec<Ended<O>> {
        std::mem::take(&mut *lock(&self.ended))
    }

    /// Waits until there is something to take, or another worker would have something to do.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Whether another worker would have had something to do; asked once.
    pub(super) fn is_short(&self) -> bool {
        self.is_stream && self.short.swap(false, Ordering::AcqRel)
    }

    /// How many inputs were pulled, and whether those were all.
    pub(super) fn pulled(&self) -> (usize, bool) {
        let inputs = lock(&self.inputs);
        (inputs.next, inputs.exhausted)
    }

    /// The inputs whose workers could not be ended, or have ended only after they were given up.
    pub(super) fn left_behind(&self) -> Vec<(usize, Child)> {
        let mut left: Vec<(usize, Child)> = {
            let at = lock(&self.at);
            let indices = at.iter().filter_map(|at| at.load(Ordering::Acquire).checked_sub(1));
            let inputs = lock(&self.inputs);
            indices.map(|index| (index, inputs.child(index))).collect()
        };
        // Whoever ends meanwhile may be in both, and is in one of them.
        for Ended { index, child, .. } in self.take() {
            if left.iter().all(|(behind, _)| *behind != index) {
                left.push((index, child));
            }
        }
        left
    }

    /// What was measured of an input that is taken in now.
    pub(super) fn timing(&self, ended: &Ended<O>, now: Instant) -> Timing {
        // A stream is asked only when somebody is free, and may have had nothing before.
        let ready = if self.is_stream { ended.began } else { self.began };
        Timing {
            queued: ended.began.saturating_duration_since(ready),
            ran: ended.at.saturating_duration_since(ended.began),
            settled: now.saturating_duration_since(ended.at),
        }
    }

    /// Works through the queue until it is empty or stopped.
    pub(super) async fn work<F, Fut>(
        self: Arc<Self>,
        children: Children,
        work: F,
    ) -> Result<(), AgentError>
    where
        F: Fn(Begun, I) -> Fut,
        Fut: Future<Output = Result<O, AgentError>>,
    {
        let at = Arc::new(AtomicUsize::new(0));
        lock(&self.at).push(at.clone());
        // Only being asked to stop ends a pause early, and then nothing is pulled either.
        while children.pause_point().await.is_ok()
            && let Some(Item { index, child, input }) = self.pull(&children).await
        {
            let mut pulled = Pulled::new(&self, &at, index);
            match child {
                Err(duplicate) => pulled.end = End::Ran(Err(duplicate.into())),
                Ok(child) => {
                    pulled.child = child.clone();
                    let settled = self.settled.as_ref();
                    let fate = settled.and_then(|settled| settled.fate(&child));
                    pulled.end = if let Some(fate) = fate {
                        End::LeftOut(fate)
                    } else {
                        let cx = children.child_at(child.clone());
                        let begun = |cx| Begun { index, child, cx };
                        End::Ran(cx.invoke(|cx| work(begun(cx), input)).await)
                    };
                }
            }
            drop(pulled);
            // An input that never waits must not keep a thread to itself.
            tokio::task::consume_budget().await;
        }
        Ok(())
    }

    /// The next input, once the window lets it through.
    async fn pull(&self, children: &Children) -> Option<Item<I>> {
        if self.is_stream {
            return self.pull_stream(children).await;
        }
        loop {
            if self.is_stopped(children) {
                return None;
            }
            match self.try_pull() {
                Pull::Item(item) => return Some(item),
                Pull::Empty => return None,
                Pull::NoRoom => {}
            }
            let mut room = pin!(self.room.notified());
            // From here on no room is missed, so looking once more comes after it.
            room.as_mut().enable();
            if self.is_stopped(children) {
                return None;
            }
            match self.try_pull() {
                Pull::Item(item) => return Some(item),
                Pull::Empty => return None,
                Pull::NoRoom => {}
            }
            select(room, pin!(self.scope_stopped(children))).await;
        }
    }

    fn try_pull(&self) -> Pull<I> {
        let mut inputs = lock(&self.inputs);
        if !self.has_room(inputs.next) {
            return Pull::NoRoom;
        }
        // Where pulling panics there is no list any more: nobody knows what comes next in it.
        let Some(mut list) = inputs.list.take() else { return Pull::Empty };
        let input = list.next();
        inputs.list = Some(list);
        inputs.take(input).map_or(Pull::Empty, Pull::Item)
    }

    async fn pull_stream(&self, children: &Children) -> Option<Item<I>> {
        self.idle.fetch_add(1, Ordering::AcqRel);
        let pulling = async {
            let mut stream = self.stream.lock().await;
            loop {
                let mut room = pin!(self.room.notified());
                room.as_mut().enable();
                if self.is_stopped(children) {
                    return None;
                }
                if self.has_room(lock(&self.inputs).next) {
                    break;
                }
                room.await;
            }
            // Where pulling panics there is no stream any more.
            let mut items = stream.take()?;
            let input = items.next().await;
            if input.is_some() {
                *stream = Some(items);
            }
            lock(&self.inputs).take(input)
        };
        // Who was asked to stop does not wait for a stream that gives nothing.
        let item = match select(pin!(pulling), pin!(self.scope_stopped(children))).await {
            futures::future::Either::Left((item, _)) => item,
            futures::future::Either::Right(_) => None,
        };
        if self.idle.fetch_sub(1, Ordering::AcqRel) == 1 && item.is_some() {
            self.short.store(true, Ordering::Release);
            self.news.notify_one();
        }
        item
    }

    fn is_stopped(&self, children: &Children) -> bool {
        self.stopped.load(Ordering::Acquire)
            || match &self.replays_until {
                Some(cx) => cx.check().is_err(),
                None => children.is_cancelled(),
            }
    }

    /// Waits until the scope is being stopped. Where inputs are pulled then too, there is nothing to
    /// wait for: the driver takes in what it is told, which makes room.
    async fn scope_stopped(&self, children: &Children) {
        match &self.replays_until {
            Some(_) => std::future::pending().await,
            None => children.cancelled().await,
        }
    }

    fn has_room(&self, index: usize) -> bool {
        index < self.taken.load(Ordering::Acquire).saturating_add(self.window)
    }
}

/// An input that a worker has pulled: whatever becomes of the worker, the driver is told.
struct Pulled<'a, I, O> {
    queue: &'a Queue<I, O>,
    at: &'a AtomicUsize,
    index: usize,
    child: Child,
    began: Instant,
    end: End<O>,
}

impl<'a, I, O> Pulled<'a, I, O> {
    fn new(queue: &'a Queue<I, O>, at: &'a AtomicUsize, index: usize) -> Self {
        at.store(index + 1, Ordering::Release);
        let child = Child::Index(index as u64);
        Self { queue, at, index, child, began: Instant::now(), end: End::Aborted }
    }
}

impl<I, O> Drop for Pulled<'_, I, O> {
    fn drop(&mut self) {
        let (index, began) = (self.index, self.began);
        let end = std::mem::replace(&mut self.end, End::Aborted);
        let child = std::mem::replace(&mut self.child, Child::Index(0));
        let mut ended = lock(&self.queue.ended);
        ended.push(Ended { index, child, end, began, at: Instant::now() });
        let first = ended.len() == 1;
        drop(ended);
        self.at.store(0, Ordering::Release);
        if first {
            self.queue.news.notify_one();
        }
    }
}

/// A lock that a panic under it does not poison: what it guards is whole between two calls.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
