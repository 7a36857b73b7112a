use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use maniple_core::policy::RetryPolicy;
use maniple_core::{AgentError, BaseAgent, Budget, Effect, StepContext, StepOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Saga;
use super::act::{Act, Agent, Closure, Compensation, Pure, Undo, UndoStep, Work};
use super::error::SagaError;
use super::fault::Faults;
use super::graph::Graph;
use super::handle::{Before, Given, Handle, Place, Reference, Value, typed};
use super::plan::{Kind, Part, Plan, Reversal, Slot};

/// How long an undo may work, all its attempts together, unless a saga is told otherwise.
const UNDO_WITHIN: Duration = Duration::from_secs(5 * 60);

/// Adds up the steps of a saga; made by [`Saga::builder`].
pub struct SagaBuilder<I> {
    name: String,
    /// Tells the handles of this builder from those of others.
    id: u64,
    steps: Vec<Draft>,
    compensation: Compensation,
    undo_budget: Option<Budget>,
    grace: Duration,
    concurrency: usize,
    input: PhantomData<fn(I)>,
}

/// A step before it is known whether it fits.
struct Draft {
    name: Arc<str>,
    after: Vec<Reference>,
    given: Vec<Place>,
    part: Part,
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
        StepBuilder { saga: self, name: name.into(), after: None, given: () }
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
    /// left then. A saga that cannot have it does not begin.
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
    fn last_handle<O>(&self) -> Handle<O> {
        Handle::new(self.last().expect("one was added"))
    }

    fn last(&self) -> Option<Place> {
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

/// A step of which it is not said yet what it does.
#[must_use = "a step is added when it is said how it is taken back"]
pub struct StepBuilder<'b, I, G> {
    saga: &'b mut SagaBuilder<I>,
    name: Arc<str>,
    /// Instead of the step that was added before.
    after: Option<Vec<Reference>>,
    given: G,
}

impl<'b, I, G> StepBuilder<'b, I, G>
where
    I: Clone + Serialize + Send + Sync + 'static,
    G: Given,
{
    /// Gives the step outputs of steps that it comes after, directly or not.
    pub fn given<H: Given>(self, outputs: H) -> StepBuilder<'b, I, H> {
        let Self { saga, name, after, .. } = self;
        StepBuilder { saga, name, after, given: outputs }
    }

    /// Lets the step come after this one, and any other that this is called with, instead of the one
    /// added before it.
    pub fn after(mut self, step: impl Into<Before>) -> Self {
        self.after.get_or_insert_default().push(step.into().0);
        self
    }

    /// Lets the step come after none.
    pub fn first(mut self) -> Self {
        self.after = Some(Vec::new());
        self
    }

    /// Does something in a [step](maniple_core::RunContext::step) of the journal, by the saga's input
    /// and what it is given.
    ///
    /// An effect of which it is not known whether it happened is taken back where there is an undo.
    pub fn run<O, E, F, Fut>(self, effect: E, f: F) -> Undoable<'b, I, G, O>
    where
        O: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
        E: Into<StepOptions>,
        F: Fn(I, G::Values, StepContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<O, AgentError>> + Send + 'static,
    {
        self.closure(effect.into(), None, f)
    }

    /// As [`run`](Self::run), tried again where it fails for now.
    pub fn run_with_retry<O, E, F, Fut>(
        self,
        effect: E,
        policy: RetryPolicy,
        f: F,
    ) -> Undoable<'b, I, G, O>
    where
        O: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
        E: Into<StepOptions>,
        F: Fn(I, G::Values, StepContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<O, AgentError>> + Send + 'static,
    {
        self.closure(effect.into(), Some(policy), f)
    }

    fn closure<O, F, Fut>(
        self,
        options: StepOptions,
        retry: Option<RetryPolicy>,
        f: F,
    ) -> Undoable<'b, I, G, O>
    where
        O: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Fn(I, G::Values, StepContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<O, AgentError>> + Send + 'static,
    {
        let act = Closure::<I, G, O, F> { options, retry, f, types: PhantomData };
        self.acting(Kind::Step, options.effect, Arc::new(act))
    }

    /// Runs an agent, which may be any pattern, on an input made of the saga's and of what the step is
    /// given. Its output is journaled as that of a durable branch, and its own steps are as they are;
    /// `effect` says what all of it does to the world.
    pub fn agent<A, F>(self, effect: Effect, agent: A, input: F) -> Undoable<'b, I, G, A::Output>
    where
        A: BaseAgent<Input: Serialize, Output: Clone + Serialize + DeserializeOwned + Sync>,
        F: Fn(I, G::Values) -> A::Input + Send + Sync + 'static,
    {
        let act = Agent::<I, G, A, F> { inner: Arc::new(agent), input, types: PhantomData };
        self.acting(Kind::Agent, effect, Arc::new(act))
    }

    /// Puts the steps of another saga in this place, named below this step's name, as `outer/inner`. What
    /// is taken back is taken back in the order of the whole. How undos are tried, and how many steps
    /// run at a time, is for the outer saga to say.
    pub fn saga<J, O, F>(self, inner: Saga<J, O>, input: F) -> Handle<O>
    where
        J: Clone + Serialize + Send + Sync + 'static,
        O: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Fn(I, G::Values) -> J + Send + Sync + 'static,
    {
        let (plan, read) = inner.into_parts();
        let (name, begins) = (self.name.clone(), self.saga.steps.len());
        // The saga's own name is that of its end, after which comes what comes after it.
        let begin_name = format!("{name}/").into();
        let begin = Pure(move |work: &Work<'_>| {
            Arc::new(input(typed::<I>(work.input), G::read(work.given))) as Value
        });
        let this = Self { name: begin_name, ..self };
        let saga = this.add(Kind::Value, Effect::Pure, Arc::new(begin), Reversal::Nothing);
        let id = saga.id;
        let shifted = |step: usize| Place { builder: id, step: begins + 1 + step };
        let behind = |steps: Vec<usize>| {
            if steps.is_empty() {
                return vec![Reference::Place(Place { builder: id, step: begins })];
            }
            steps.into_iter().map(|step| Reference::Place(shifted(step))).collect()
        };
        let last = plan.graph.nodes.iter().enumerate().filter(|(_, node)| node.before.is_empty());
        let last = last.map(|(step, _)| step).collect();
        for (node, part) in plan.graph.nodes.iter().zip(plan.parts) {
            saga.steps.push(Draft {
                name: format!("{name}/{}", node.name).into(),
                after: behind(node.after.iter().copied().collect()),
                given: part.given.iter().map(|step| shifted(*step)).collect(),
                part: Part {
                    input: match part.input {
                        Slot::Saga => Slot::Step(begins),
                        Slot::Step(step) => Slot::Step(shifted(step).step),
                    },
                    given: part.given.iter().map(|step| shifted(*step).step).collect(),
                    ..part
                },
            });
        }
        let given: Vec<Place> = plan.outputs.iter().map(|step| shifted(*step)).collect();
        let end = Pure(move |work: &Work<'_>| Arc::new(read(work.given)) as Value);
        saga.steps.push(Draft {
            name,
            after: behind(last),
            part: Part {
                act: Arc::new(end),
                kind: Kind::Value,
                effect: Effect::Pure,
                reversal: Reversal::Nothing,
                input: Slot::Saga,
                given: given.iter().map(|place| place.step).collect(),
            },
            given,
        });
        saga.last_handle()
    }

    fn acting<O>(self, kind: Kind, effect: Effect, act: Arc<dyn Act>) -> Undoable<'b, I, G, O> {
        Undoable { step: self, kind, effect, act, output: PhantomData }
    }

    fn add(
        self,
        kind: Kind,
        effect: Effect,
        act: Arc<dyn Act>,
        reversal: Reversal,
    ) -> &'b mut SagaBuilder<I> {
        let Self { saga, name, after, given } = self;
        let after =
            after.unwrap_or_else(|| saga.last().map(Reference::Place).into_iter().collect());
        let given: Vec<Place> = given.places().iter().map(|place| place.0).collect();
        let steps = given.iter().map(|place| place.step).collect();
        let part = Part { act, kind, effect, reversal, input: Slot::Saga, given: steps };
        saga.steps.push(Draft { name, after, given, part });
        saga
    }
}

impl<I, G: fmt::Debug> fmt::Debug for StepBuilder<'_, I, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepBuilder")
            .field("name", &self.name)
            .field("after", &self.after)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

/// A step of which it is not said yet how it is taken back.
#[must_use = "a step is added when it is said how it is taken back"]
pub struct Undoable<'b, I, G, O> {
    step: StepBuilder<'b, I, G>,
    kind: Kind,
    effect: Effect,
    act: Arc<dyn Act>,
    output: PhantomData<fn() -> O>,
}

impl<I, G, O> Undoable<'_, I, G, O>
where
    I: Clone + Serialize + Send + Sync + 'static,
    G: Given,
    O: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// Says how it is taken back. An undo is a step of its own, which is
    /// [idempotent](Effect::Idempotent): it may run again where it is not known whether it did.
    pub fn undo<U, Fut>(self, f: U) -> Handle<O>
    where
        U: Fn(Undo<I, G::Values, O>, StepContext) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<(), AgentError>> + Send + 'static,
    {
        let undo: UndoStep<I, G, O, U> = UndoStep { f, types: PhantomData };
        self.add(Reversal::By(Arc::new(undo)))
    }

    /// It leaves nothing that has to be taken back.
    pub fn nothing_to_undo(self) -> Handle<O> {
        self.add(Reversal::Nothing)
    }

    /// It cannot be taken back. A saga that fails when it is done, or may be, is parked: an operator
    /// has to see to it.
    pub fn cannot_undo(self) -> Handle<O> {
        self.add(Reversal::Never)
    }

    fn add(self, reversal: Reversal) -> Handle<O> {
        self.step.add(self.kind, self.effect, self.act, reversal).last_handle()
    }
}

impl<I, G: fmt::Debug, O> fmt::Debug for Undoable<'_, I, G, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undoable")
            .field("step", &self.step)
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}
