//! One process of a saga that is disturbed and watched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::{BoxFuture, Either, FutureExt, ready, select};
use maniple_core::{
    AgentError, BaseAgent, Journal, JournalError, MemoryJournal, Record, Run, RunId, Source,
};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::saga::{Moment, Order, Part, Probe, Saga};

/// What a step of a saga is to do when it asks.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) step: Arc<str>,
    pub(super) part: Part,
    pub(super) moment: Moment,
    pub(super) what: What,
    /// Whether it is so the first time alone.
    pub(super) is_once: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Order(Order),
    Cancel,
}

/// What was seen before or after an action, or an undo.
#[derive(Debug)]
pub(super) struct Seen<S> {
    pub(super) step: String,
    pub(super) part: Part,
    pub(super) moment: Moment,
    pub(super) world: S,
}

/// A saga in its world, of which processes come and go.
pub(super) struct Bench<I, O, W, S> {
    pub(super) saga: Arc<Saga<I, O>>,
    pub(super) input: I,
    pub(super) observe: W,
    pub(super) asked: mpsc::UnboundedReceiver<Probe>,
    pub(super) rules: Vec<Rule>,
    pub(super) journal: MemoryJournal,
    pub(super) seen: Vec<Seen<S>>,
    /// Whether the last process was cut off from its journal.
    pub(super) has_died: bool,
}

impl<I, O, W, S> Bench<I, O, W, S>
where
    I: Clone + Serialize + Send + Sync + 'static,
    O: Send + 'static,
    W: AsyncFn() -> S,
{
    /// Executes the saga, with a journal that takes so many more records at most.
    pub(super) async fn execute(&mut self, records: usize) -> Result<(), AgentError> {
        let refused = Arc::new(AtomicBool::new(false));
        let result = self.execute_on(records, refused.clone()).await;
        self.has_died = refused.load(Ordering::Relaxed);
        result
    }

    async fn execute_on(
        &mut self,
        records: usize,
        refused: Arc<AtomicBool>,
    ) -> Result<(), AgentError> {
        let left = Arc::new(records.into());
        let journal = Cut { inner: self.journal.clone(), left, refused };
        let run = Run::builder("saga").with_id(RunId::new("saga")).with_journal(journal);
        let run = run.open().await?;
        let (saga, input) = (self.saga.clone(), self.input.clone());
        let mut executing = Box::pin(async {
            let result =
                run.execute(saga as Arc<dyn BaseAgent<Input = I, Output = O>>, input).await;
            run.quiesce().await;
            result.map(drop)
        });
        loop {
            let asked = std::pin::pin!(self.asked.recv());
            match select(asked, &mut executing).await {
                Either::Left((Some(probe), _)) => {
                    let (step, part) = (probe.step.clone(), probe.part);
                    let (moment, world) = (probe.moment, (self.observe)().await);
                    self.seen.push(Seen { step, part, moment, world });
                    let what = take(&mut self.rules, &probe);
                    if what == What::Cancel {
                        run.cancel();
                    }
                    let order = if let What::Order(order) = what { order } else { Order::Go };
                    // Who has asked may be gone.
                    let _ = probe.answer.send(order);
                }
                Either::Left((None, executing)) => return executing.await,
                Either::Right((result, _)) => return result,
            }
        }
    }

    /// Delivers a signal.
    pub(super) async fn deliver<T: Serialize>(
        &self,
        key: &maniple_core::Key,
        value: &T,
    ) -> Result<(), AgentError> {
        let run = Run::builder("saga").with_id(RunId::new("saga"));
        let run = run.with_journal(self.journal.clone()).open().await?;
        run.deliver(key, value).await.map(drop)
    }
}

fn take(rules: &mut Vec<Rule>, probe: &Probe) -> What {
    let is_it = |rule: &Rule| {
        *rule.step == *probe.step && rule.part == probe.part && rule.moment == probe.moment
    };
    let Some(at) = rules.iter().position(is_it) else { return What::Order(Order::Go) };
    if rules[at].is_once { rules.remove(at).what } else { rules[at].what }
}

/// A journal that stops, as that of a process that dies.
#[derive(Debug)]
struct Cut {
    inner: MemoryJournal,
    left: Arc<AtomicUsize>,
    refused: Arc<AtomicBool>,
}

impl Journal for Cut {
    fn append(&self, record: Record) -> BoxFuture<'static, Result<(), JournalError>> {
        let take = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            return self.inner.append(record);
        }
        self.refused.store(true, Ordering::Relaxed);
        let source = Source::new("the process has died here");
        ready(Err(JournalError::Stopped { source })).boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        self.inner.load()
    }
}
