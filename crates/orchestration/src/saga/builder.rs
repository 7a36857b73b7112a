use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use maniple_core::policy::RetryPolicy;
use maniple_core::{Budget, Effect};
use serde::Serialize;

use super::Saga;
use super::act::Compensation;
use super::error::SagaError;
use super::fault::Faults;
use super::graph::Graph;
use super::handle::{Given, Handle, Place, Reference};
use super::plan::{Part, Plan, Reversal};
use super::step_builder::StepBuilder;

/// How long an undo may work, all its attempts together, unless a saga is told otherwise.
const UNDO_WITHIN: Duration = Duration::from_secs(5 * 60);

/// Adds up the steps of a saga; made by [`Saga::builder`].
pub struct SagaBuilder<I> {
    name: String,
    /// Tells the handles of this builder from those of others.
    pub(super) id: u64,
    pub(super) steps: Vec<Draft>,
    compensation: Compensation,
    undo_budget: Option<Budget>,
    grace: Duration,
    concurrency: usize,
    input: PhantomData<fn(I)>,
}

/// A step before it is known whether it fits.
pub(super) struct Draft {
    pub(super) name: Arc<str>,
    pub(super) after: Vec<Reference>,
    pub(super) given: Vec<Place>,
    pub(super) part: Part,
}

impl<I: Clone + Serialize + Send + Sync + 'static> SagaBuilder<I> {
    pub(super) fn new(name: String) -> Self {
        static BUILDERS: AtomicU64 = AtomicU64::new(0);
        Self {
            name,
            id: BUILDERS.fetch_add(1, Ordering::Relaxed),
            steps: Vec::new(),
            compensation: Compensation { retry: RetryPolicy::network(), within: UNDO_WITHIN },
            undo_budget: None,
            grace: crate::GRACE,
            concurrency: usize::MAX,
            input: PhantomData,
        }
    }

    /// A step that comes after the one that was added before it, unless it says
    /// [otherwise](StepBuilder::after).
    ///
    /// The name tells it from the others, also in the journal.
    pub fn step(&mut self, name: impl Into<Arc<str>>) -> StepBuilder<'_, I, ()> {
        StepBuilder::new(self, name.into())
    }

    /// How often an undo is tried; as [`RetryPolicy::network`] by default. Then the saga is parked.
    pub fn with_undo_retry(&mut self, policy: RetryPolicy) -> &mut Self {
        self.compensation.retry = policy;
        self
    }

    /// How long an undo may work, all its attempts together; 5 minutes by default. Neither the deadline
    /// nor the cancellation of what is around the saga reaches an undo. Then the saga is parked.
    pub fn with_undo_within(&mut self, time: Duration) -> &mut Self {
        self.compensation.within = time;
        self
    }

    /// Sets a share of the budget aside for undos when the saga begins; by default they use what is
    /// left then. A saga that cannot have it does not begin; one that has begun goes on with what is left.
    pub fn with_undo_budget(&mut self, reserve: Budget) -> &mut Self {
        self.undo_budget = Some(reserve);
        self
    }

    /// How long steps that are stopped may take to end before they are aborted; 5 seconds by default.
    pub fn with_grace(&mut self, grace: Duration) -> &mut Self {
        self.grace = grace;
        self
    }

    /// How many steps run, or are taken back, at the same time; as many as the graph allows by default,
    /// and 0 counts as 1.
    pub fn with_concurrency(&mut self, limit: usize) -> &mut Self {
        self.concurrency = limit.max(1);
        self
    }

    /// The saga whose output is that of a step, of several as a tuple, or `()`.
    ///
    /// # Errors
    /// What about the steps does not fit, and of which.
    pub fn build<G: Given>(self, output: G) -> Result<Saga<I, G::Values>, SagaError> {
        let name: Arc<str> = self.name.as_str().into();
        let by_name = self.names()?;
        let mut edges = Vec::with_capacity(self.steps.len());
        for draft in &self.steps {
            let mut after = BTreeSet::new();
            for reference in &draft.after {
                after.insert(match reference {
                    Reference::Place(place) => self.own(&draft.name, *place)?,
                    Reference::Name(name) => *by_name.get(name.as_str()).ok_or_else(|| {
                        let (step, after) = (draft.name.clone(), name.as_str().into());
                        SagaError::UnknownStep { step, after }
                    })?,
                });
            }
            edges.push((draft.name.clone(), after));
        }
        let graph = Graph::new(edges).map_err(|steps| SagaError::Cycle { steps })?;
        for (step, draft) in self.steps.iter().enumerate() {
            for place in &draft.given {
                let given = self.own(&draft.name, *place)?;
                if !graph.is_before(given, step) {
                    let (step, given) = (draft.name.clone(), self.steps[given].name.clone());
                    return Err(SagaError::NotBefore { step, given });
                }
            }
            if draft.part.effect == Effect::Reversible
                && !matches!(draft.part.reversal, Reversal::By(_))
            {
                let (step, effect) = (draft.name.clone(), draft.part.effect);
                return Err(SagaError::MissingUndo { step, effect });
            }
        }
        let places = output.places();
        let outputs = places.iter().map(|place| self.own(&name, place.0));
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        let plan = Plan {
            graph: Arc::new(graph),
            parts: self.steps.into_iter().map(|draft| draft.part).collect(),
            outputs,
            compensation: self.compensation,
            undo_budget: self.undo_budget,
            grace: self.grace,
            concurrency: self.concurrency,
            faults: Faults::default(),
        };
        Ok(Saga::new(self.name, plan, G::read))
    }

    fn names(&self) -> Result<HashMap<&str, usize>, SagaError> {
        let mut names = HashMap::with_capacity(self.steps.len());
        for (at, Draft { name, .. }) in self.steps.iter().enumerate() {
            if names.insert(&**name, at).is_some() {
                return Err(SagaError::DuplicateStep { step: name.clone() });
            }
        }
        Ok(names)
    }

    /// Which step of this builder it is.
    fn own(&self, step: &Arc<str>, place: Place) -> Result<usize, SagaError> {
        let is_own = place.builder == self.id;
        is_own.then_some(place.step).ok_or_else(|| SagaError::ForeignHandle { step: step.clone() })
    }

    /// The handle of the step that was added last.
    pub(super) fn last_handle<O>(&self) -> Handle<O> {
        Handle::new(self.last().expect("one was added"))
    }

    pub(super) fn last(&self) -> Option<Place> {
        let step = self.steps.len().checked_sub(1)?;
        Some(Place { builder: self.id, step })
    }
}

impl<I> fmt::Debug for SagaBuilder<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<&str> = self.steps.iter().map(|draft| &*draft.name).collect();
        f.debug_struct("SagaBuilder")
            .field("name", &self.name)
            .field("steps", &steps)
            .finish_non_exhaustive()
    }
}
