use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use futures::future::{Either, select};
use maniple_core::{AgentError, RunContext};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::fan_out::lock;

/// What items pass on their way through the stages: so many at a time in each, so many between two,
/// and first in, first out.
pub(super) struct Gates {
    stages: Vec<Gate>,
    buffer: usize,
}

struct Gate {
    limit: usize,
    /// How many items have entered the stage, of all items in order.
    entered: Counter,
    /// How many have left it.
    left: Counter,
    /// Of items that are in order by key alone.
    places: Arc<Semaphore>,
    /// Between this stage and the next.
    buffered: Arc<Semaphore>,
}

impl Gates {
    pub(super) fn new(limits: &[usize], buffer: usize) -> Arc<Self> {
        let most = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        let gate = |&limit: &usize| Gate {
            limit,
            entered: Counter::default(),
            left: Counter::default(),
            places: most(limit),
            buffered: most(buffer),
        };
        Arc::new(Self { stages: limits.iter().map(gate).collect(), buffer })
    }

    /// How many items are on their way at the same time at most.
    pub(super) fn room(&self) -> usize {
        let between = self.buffer.saturating_mul(self.stages.len() - 1);
        self.stages.iter().fold(between, |sum, gate| sum.saturating_add(gate.limit))
    }
}

/// One item's right to pass. Wherever it is dropped, those behind it no longer wait for it.
pub(super) struct Ticket {
    gates: Arc<Gates>,
    index: usize,
    /// How many stages the item has left.
    passed: usize,
    turn: Option<Box<Turn>>,
}

/// The place of an item among those of its key.
struct Turn {
    before: Option<watch::Receiver<Progress>>,
    /// Closed when the item is done.
    own: watch::Sender<Progress>,
    place: Option<OwnedSemaphorePermit>,
    between: Option<OwnedSemaphorePermit>,
    /// Whether the place is one in the stage that comes next.
    is_ahead: bool,
}

/// How far an item has come.
#[derive(Default)]
struct Progress {
    /// How many stages it has left.
    passed: usize,
    /// Where it is done: who was still before it.
    before: Option<watch::Receiver<Progress>>,
}

impl Turn {
    fn new(before: Option<watch::Receiver<Progress>>) -> Self {
        let (own, _) = watch::channel(Progress::default());
        Self { before, own, place: None, between: None, is_ahead: false }
    }

    /// Waits until those before it have left the stage.
    async fn comes(before: &mut Option<watch::Receiver<Progress>>, stage: usize) {
        while let Some(ahead) = before {
            if ahead.wait_for(|progress| progress.passed > stage).await.is_ok() {
                return;
            }
            // It is done, maybe earlier than those before it.
            let further = ahead.borrow().before.clone();
            *before = further;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut before = self.before.take();
        // Whoever is done among them has said who was before it, so that the line stays short.
        while let Some(ahead) = before.take_if(|ahead| ahead.has_changed().is_err()) {
            before.clone_from(&ahead.borrow().before);
        }
        self.own.send_modify(|progress| progress.before = before);
    }
}

impl Ticket {
    /// Waits until the item may enter its next stage.
    pub(super) async fn enter(&mut self, cx: &RunContext) -> Result<(), AgentError> {
        let (stage, index) = (self.passed, self.index);
        let gate = &self.gates.stages[stage];
        match &mut self.turn {
            None => {
                gate.left.reach((index + 1).saturating_sub(gate.limit), cx).await?;
                gate.entered.reach(index, cx).await?;
                gate.entered.pass(index);
            }
            Some(turn) if turn.is_ahead => turn.is_ahead = false,
            Some(turn) => {
                let entering = async {
                    Turn::comes(&mut turn.before, stage).await;
                    turn.place = gate.places.clone().acquire_owned().await.ok();
                    turn.between = None;
                };
                unless_stopped(entering, cx).await?;
            }
        }
        Ok(())
    }

    /// Waits until the item may go on, so that its place in the stage becomes free.
    pub(super) async fn leave(&mut self, cx: &RunContext) -> Result<(), AgentError> {
        let (stage, index) = (self.passed, self.index);
        let gate = &self.gates.stages[stage];
        let next = self.gates.stages.get(stage + 1);
        match (&mut self.turn, next) {
            (None, next) => {
                if let Some(next) = next {
                    gate.left.reach(index, cx).await?;
                    let ahead = next.limit.saturating_add(self.gates.buffer);
                    next.left.reach((index + 1).saturating_sub(ahead), cx).await?;
                }
                gate.left.pass(index);
            }
            // Of the last stage it has gone when its output was taken in.
            (Some(_), None) => return Ok(()),
            (Some(turn), Some(next)) => {
                let entering = pin!(async {
                    Turn::comes(&mut turn.before, stage + 1).await;
                    next.places.clone().acquire_owned().await.ok()
                });
                let waiting = pin!(gate.buffered.clone().acquire_owned());
                let leaving = async {
                    match select(entering, waiting).await {
                        Either::Left((place, _)) => (place, None),
                        Either::Right((between, _)) => (None, between.ok()),
                    }
                };
                let (place, between) = unless_stopped(leaving, cx).await?;
                turn.is_ahead = place.is_some();
                (turn.place, turn.between) = (place, between);
                turn.own.send_modify(|progress| progress.passed = stage + 1);
            }
        }
        self.passed += 1;
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.turn.is_none() {
            for gate in &self.gates.stages[self.passed..] {
                gate.entered.pass(self.index);
                gate.left.pass(self.index);
            }
        }
    }
}

async fn unless_stopped<T>(
    waiting: impl Future<Output = T>,
    cx: &RunContext,
) -> Result<T, AgentError> {
    match select(pin!(waiting), pin!(cx.cancelled())).await {
        Either::Left((reached, _)) => Ok(reached),
        Either::Right(_) => Err(AgentError::Cancelled { key: cx.path() }),
    }
}

/// Hands out the tickets of a run, in the order in which its items are pulled.
pub(super) struct Tickets<I> {
    gates: Arc<Gates>,
    key: Option<KeyOf<I>>,
    next: usize,
    /// The last item of each key that was seen lately.
    last: HashMap<u64, watch::Receiver<Progress>>,
    /// How many of them there may be before those that are done are forgotten.
    most: usize,
}

/// How many keys are remembered in any case.
const FEW: usize = 64;

/// Whether an item, or one before it of its key, is still on its way.
fn is_under_way(last: &watch::Receiver<Progress>) -> bool {
    let mut here = last.clone();
    while here.has_changed().is_err() {
        let Some(before) = here.borrow().before.clone() else { return false };
        here = before;
    }
    true
}

/// The hash of an item's key. Two keys of one hash only wait for each other.
pub(super) type KeyOf<I> = Arc<dyn Fn(&I) -> u64 + Send + Sync>;

impl<I> Tickets<I> {
    pub(super) fn new(gates: Arc<Gates>, key: Option<KeyOf<I>>) -> Self {
        Self { gates, key, next: 0, last: HashMap::new(), most: FEW }
    }

    /// The next ticket; none, where a single stage has as much room as there are workers, and outputs
    /// are put in order behind it.
    pub(super) fn next(&mut self, item: &I) -> Option<Ticket> {
        if self.key.is_none() && self.gates.stages.len() == 1 {
            return None;
        }
        let index = self.next;
        self.next += 1;
        let turn = self.key.as_ref().map(|key| key(item)).map(|key| {
            let before = self.last.remove(&key);
            let turn = Turn::new(before);
            self.last.insert(key, turn.own.subscribe());
            Box::new(turn)
        });
        if self.last.len() > self.most {
            self.last.retain(|_, last| is_under_way(last));
            self.most = (2 * self.last.len()).max(FEW);
        }
        Some(Ticket { gates: self.gates.clone(), index, passed: 0, turn })
    }
}

/// Counts items that pass, in order: one that passes early counts when all before it have passed.
#[derive(Default)]
struct Counter(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    passed: usize,
    early: BTreeSet<usize>,
    /// By the count that each waits for.
    waiting: BTreeMap<usize, Vec<Waker>>,
}

impl Counter {
    fn pass(&self, index: usize) {
        let mut counted = lock(&self.0);
        if index != counted.passed {
            if index > counted.passed {
                counted.early.insert(index);
            }
            return;
        }
        counted.passed += 1;
        while counted.early.first() == Some(&counted.passed) {
            counted.early.pop_first();
            counted.passed += 1;
        }
        if counted.waiting.first_key_value().is_none_or(|(count, _)| *count > counted.passed) {
            return;
        }
        let passed = counted.passed;
        let still = counted.waiting.split_off(&(passed + 1));
        let awake = std::mem::replace(&mut counted.waiting, still);
        drop(counted);
        awake.into_values().flatten().for_each(Waker::wake);
    }

    /// Waits until so many have passed.
    async fn reach(&self, count: usize, cx: &RunContext) -> Result<(), AgentError> {
        if lock(&self.0).passed >= count {
            return Ok(());
        }
        let reached = poll_fn(|task| {
            let mut counted = lock(&self.0);
            if counted.passed >= count {
                return Poll::Ready(());
            }
            let waiting = counted.waiting.entry(count).or_default();
            if !waiting.iter().any(|waker| waker.will_wake(task.waker())) {
                waiting.push(task.waker().clone());
            }
            Poll::Pending
        });
        unless_stopped(reached, cx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_which_no_item_is_under_way_are_forgotten() {
        let mut tickets = Tickets::new(Gates::new(&[1], 0), Some(Arc::new(|key: &u64| *key)));
        let first = tickets.next(&0);
        for key in 1..10_000 {
            // The second of a key waits for the first, and is done before it.
            let (before, after) = (tickets.next(&key), tickets.next(&key));
            drop(after);
            drop(before);
        }
        assert!(tickets.last.len() <= 2 * FEW, "{} keys are remembered", tickets.last.len());
        assert!(tickets.last.contains_key(&0), "one that is under way was forgotten");
        drop(first);
    }
}
