use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use maniple_core::policy::RetryPolicy;
use maniple_core::{AgentError, BaseAgent, Effect, StepContext, StepOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Saga;
use super::act::{Act, Agent, Closure, Pure, Undo, UndoStep, Work};
use super::builder::{Draft, SagaBuilder};
use super::handle::{Before, Given, Handle, Place, Reference, Value, typed};
use super::plan::{Kind, Part, Reversal, Slot};

/// A step of which it is not said yet what it does.
#[must_use = "a step is added when it is said how it is taken back"]
pub struct StepBuilder<'b, I, G> {
    saga: &'b mut SagaBuilder<I>,
    name: Arc<str>,
    /// Instead of the step that was added before.
    after: Option<Vec<Reference>>,
    given: G,
}

impl<'b, I> StepBuilder<'b, I, ()> {
    pub(super) fn new(saga: &'b mut SagaBuilder<I>, name: Arc<str>) -> Self {
        Self { saga, name, after: None, given: () }
    }
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
