use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use maniple_core::{
    AgentError, Class, Classify, Delivery, Fact, Key, Payload, Record, Run, RunStore, RunStoreError,
};
use serde::{Deserialize, Serialize};

use super::desk::{Decision, Note, SIGNAL, Stuck};

/// A step of a saga that waits for an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ParkedStep {
    /// The name of the run in its store.
    pub run: Arc<str>,
    /// The saga's name.
    pub saga: Arc<str>,
    /// The step's name.
    pub step: Arc<str>,
    /// What of it waits.
    pub stuck: Stuck,
    /// Why nobody else can decide.
    pub reason: Arc<str>,
    /// The signal by which a [`Decision`] is [delivered](Run::deliver).
    pub signal: Key,
}

impl ParkedStep {
    /// The steps that wait in a run with these records, in the order of their signals.
    ///
    /// ```
    /// use maniple_core::{AgentError, Class, Effect, MemoryJournal, Run};
    /// use maniple_orchestration::{Decision, ParkedStep, Saga};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), AgentError> {
    /// let saga = || {
    ///     let mut saga = Saga::builder("offer");
    ///     let send = |to, (), _| async move {
    ///         Err::<String, _>(AgentError::new(Class::Indeterminate, format!("{to} hung up")))
    ///     };
    ///     let sent = saga.step("send").run(Effect::Irreversible, send).cannot_undo();
    ///     saga.build(sent)
    /// };
    /// let journal = MemoryJournal::new();
    /// let run = Run::builder("offer").with_journal(journal.clone()).open().await?;
    /// run.execute(saga()?, "Ann".to_owned()).await.expect_err("nobody knows whether Ann has it");
    ///
    /// let parked = ParkedStep::of("offer", &journal.records());
    /// assert_eq!((&*parked[0].step, &*parked[0].reason), ("send", "Ann hung up"));
    /// run.deliver(&parked[0].signal, &Decision::resolve("she has it")?).await?;
    /// assert_eq!(run.execute(saga()?, "Ann".into()).await?, "she has it");
    /// # Ok(())
    /// # }
    /// ```
    pub fn of<'a>(run: &str, records: impl IntoIterator<Item = &'a Record>) -> Vec<Self> {
        let mut waiting: BTreeMap<Key, Note> = BTreeMap::new();
        // Answered, be it before it was asked.
        let mut ended: BTreeSet<&Key> = BTreeSet::new();
        for record in records {
            if let Some((desk, note)) = record.settlement()
                && let Ok(note) = note.decode::<Note>()
            {
                if note.stuck == Stuck::Undo {
                    // It is taken back, so nobody asks any more whether it has happened.
                    let place = place_of(&desk, Stuck::Undo);
                    waiting.retain(|key, note| {
                        note.stuck == Stuck::Undo || place_of(key, Stuck::Action) != place
                    });
                }
                let signal = signal_of(&desk);
                if !ended.contains(&signal) {
                    waiting.insert(signal, note);
                }
            } else if let Fact::Delivered { .. } | Fact::Withdrawn = record.fact {
                waiting.remove(&record.key);
                ended.insert(&record.key);
            }
        }
        let parked = waiting.into_iter().map(|(signal, note)| Self {
            run: run.into(),
            saga: note.saga.into(),
            step: note.step.into(),
            stuck: note.stuck,
            reason: note.reason.into(),
            signal,
        });
        parked.collect()
    }
}

fn signal_of(desk: &Key) -> Key {
    Key::new(&format!("{}!{SIGNAL}", desk.as_str()))
}

/// The saga's place and the step's name in its key.
fn place_of(key: &Key, stuck: Stuck) -> Option<(&str, &str)> {
    let (saga, step) = key.as_str().rsplit_once('[')?;
    let step = step.split_once(']')?.0;
    let saga = match stuck {
        Stuck::Action => saga,
        Stuck::Undo => saga.strip_suffix("/undo")?,
    };
    Some((saga, step))
}

/// What a store has that waits for an operator.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ParkedSteps {
    /// The steps, by run.
    pub steps: Vec<ParkedStep>,
    /// The runs of which it is not known whether anything waits in them, with why: mostly because
    /// somebody works on them.
    pub unread: Vec<(Arc<str>, OperatorError)>,
}

/// Sees to the sagas of a store that are parked.
///
/// A decision is journaled at once; what follows from it is done when somebody opens the run and
/// executes its agent again.
pub struct SagaOperator {
    store: Arc<dyn RunStore>,
}

impl SagaOperator {
    /// The operator of the sagas in this store.
    pub fn new(store: impl RunStore) -> Self {
        Self { store: Arc::new(store) }
    }

    /// What is parked in the unfinished runs of the store. It reads their journals whole.
    ///
    /// # Errors
    /// [`Store`](OperatorError::Store) where the store itself cannot be read.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn parked(&self) -> Result<ParkedSteps, OperatorError> {
        let mut parked = ParkedSteps::default();
        for run in self.store.list_unfinished().await? {
            match self.records(&run.name).await {
                Ok(records) => parked.steps.extend(ParkedStep::of(&run.name, &records)),
                Err(error) => parked.unread.push((run.name, error)),
            }
        }
        Ok(parked)
    }

    async fn records(&self, run: &str) -> Result<Vec<Record>, OperatorError> {
        let failed = |source| AgentError::Journal { key: Key::new(""), source };
        Ok(self.store.open(run).await?.load().await.map_err(failed)?)
    }

    /// Lets the step be done, or taken back, once more.
    ///
    /// # Errors
    /// [`TooLate`](OperatorError::TooLate) where it does not wait any more, and as
    /// [`Store`](OperatorError::Store) and [`Run`](OperatorError::Run) say.
    ///
    /// # Cancel safety
    /// Dropped, the decision may have been journaled.
    pub async fn retry(&self, step: &ParkedStep) -> Result<(), OperatorError> {
        self.decide(step, Decision::Retry).await
    }

    /// Goes on as if the step had not happened, or needed not to be taken back.
    ///
    /// # Errors
    /// As for [`retry`](Self::retry).
    ///
    /// # Cancel safety
    /// As for [`retry`](Self::retry).
    pub async fn skip(&self, step: &ParkedStep) -> Result<(), OperatorError> {
        self.decide(step, Decision::Skip).await
    }

    /// Says that the operator has seen to it: the action has happened, with this output; or it is taken
    /// back, and the output is not asked for. An output that is not of the step's type parks the step
    /// once more.
    ///
    /// # Errors
    /// As for [`retry`](Self::retry), and [`Run`](OperatorError::Run) where the output has no form in
    /// JSON.
    ///
    /// # Cancel safety
    /// As for [`retry`](Self::retry).
    pub async fn resolve<T>(&self, step: &ParkedStep, output: &T) -> Result<(), OperatorError>
    where
        T: Serialize + Sync + ?Sized,
    {
        self.decide(step, Decision::resolve(output)?).await
    }

    async fn decide(&self, step: &ParkedStep, decision: Decision) -> Result<(), OperatorError> {
        let journal = self.store.open(&step.run).await?;
        let run = Run::builder(&step.run).with_journal(journal).open().await?;
        let delivered = run.deliver(&step.signal, &decision).await;
        // Only then the store has its journal back.
        run.quiesce().await;
        match delivered? {
            Delivery::Accepted => Ok(()),
            Delivery::AlreadyDelivered | Delivery::Withdrawn | Delivery::NotASignal => {
                Err(OperatorError::TooLate { step: step.step.clone() })
            }
        }
    }
}

impl fmt::Debug for SagaOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SagaOperator").field("store", &self.store).finish()
    }
}

impl Decision {
    /// The operator has seen to it by hand; see [`Resolve`](Self::Resolve).
    ///
    /// # Errors
    /// When the output has no form in JSON.
    pub fn resolve<T: Serialize + ?Sized>(output: &T) -> Result<Self, AgentError> {
        let no_form = |source| AgentError::new(Class::Permanent, source);
        Payload::encode(output).map(Self::Resolve).map_err(no_form)
    }
}

/// Why an operator's word did not reach a saga.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The store cannot open or list runs.
    #[error(transparent)]
    Store(#[from] RunStoreError),
    /// The run cannot be read or written.
    #[error("{0}")]
    Run(AgentError),
    /// Somebody has decided before, or the saga has ended.
    #[error("step {step:?} does not wait any more: list what is parked")]
    TooLate {
        /// The step.
        step: Arc<str>,
    },
}

impl From<AgentError> for OperatorError {
    fn from(error: AgentError) -> Self {
        Self::Run(error)
    }
}

impl Classify for OperatorError {
    fn class(&self) -> Class {
        match self {
            Self::Store(error) => error.class(),
            Self::Run(error) => error.class(),
            Self::TooLate { .. } => Class::Permanent,
        }
    }
}
