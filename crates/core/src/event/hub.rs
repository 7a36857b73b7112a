use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::sink::Told;
use super::stream::{Queue, wake};
use super::{AgentEvent, EventKind, EventSink, Events};
use crate::identity::{Key, RunId};

/// Where the events of a run come together, and are handed out.
#[derive(Default)]
pub(crate) struct Hub {
    sinks: Vec<Told>,
    /// Every stream holds a copy, so that counting them takes no lock.
    heard: Arc<()>,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    next: u64,
    queues: Vec<Arc<Queue>>,
}

impl Hub {
    pub(crate) fn add_sink(&mut self, sink: Arc<dyn EventSink>) {
        self.sinks.push(Told::new(sink));
    }

    pub(crate) fn listen(&self) -> Events {
        let queue = Arc::new(Queue::default());
        let mut listeners = self.listeners();
        // Here too, since nothing may be told between one listener and the next.
        listeners.queues.retain(|queue| !queue.is_closed());
        listeners.queues.push(queue.clone());
        drop(listeners);
        Events::new(queue, self.heard.clone())
    }

    /// Whether there is anybody to tell.
    pub(crate) fn is_heard(&self) -> bool {
        !self.sinks.is_empty() || Arc::strong_count(&self.heard) > 1
    }

    pub(crate) fn tell(&self, run: &RunId, path: Key, kind: EventKind) {
        let mut wakers = Vec::new();
        let event = {
            // Under one lock, so that every stream has the events in the order of their numbers.
            let mut listeners = self.listeners();
            let (sequence, time) = (listeners.next, SystemTime::now());
            listeners.next += 1;
            let event = AgentEvent { run: run.clone(), path, sequence, time, kind };
            listeners.queues.retain(|queue| queue.push(event.clone(), &mut wakers));
            event
        };
        // Neither a waker nor a sink is ours: no lock is held for them.
        wakers.into_iter().for_each(wake);
        for sink in &self.sinks {
            sink.tell(&event);
        }
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hub {
    /// The run is gone, and so its streams end.
    fn drop(&mut self) {
        for queue in &self.listeners().queues {
            queue.close();
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listeners = self.listeners();
        f.debug_struct("Hub")
            .field("sinks", &self.sinks)
            .field("told", &listeners.next)
            .field("queues", &listeners.queues.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_that_went_leave_nothing_behind_where_nothing_is_told() {
        let hub = Hub::default();
        let stays = hub.listen();
        for _ in 0..100 {
            drop(hub.listen());
        }
        drop(hub.listen());
        // The last one is forgotten with the next.
        assert_eq!(hub.listeners().queues.len(), 2);
        drop(stays);
    }
}
