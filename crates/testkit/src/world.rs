use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use maniple_core::{
    AgentError, Fact, IdempotencyKey, Key, Outcome, Payload, Reconciled, Reconciler, StepContext,
    reconciler_fn,
};
use serde::Serialize;
use tokio::sync::Notify;

use crate::crash::{CrashJournal, Phase};
use crate::random::Random;

/// Something that a rule forbids and that happened all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

/// What is outside of the run and survives its crashes: it remembers every effect.
#[derive(Debug, Clone, Default)]
pub struct World(Arc<Mutex<Effects>>);

#[derive(Debug, Default)]
struct Effects {
    /// How often the body behind a key had its effect.
    executions: BTreeMap<Key, usize>,
    /// How often that did not fail.
    successes: BTreeMap<Key, usize>,
    keys: BTreeMap<Key, IdempotencyKey>,
    /// What the service has answered, by what it was given.
    answers: BTreeMap<IdempotencyKey, Payload>,
    violations: Vec<Violation>,
    kept: Kept,
}

/// What a test keeps outside of the run's processes, by its name and type.
#[derive(Default)]
struct Kept(BTreeMap<(String, TypeId), Box<dyn Any + Send>>);

impl Kept {
    fn get<T: Clone + 'static>(&self, at: &(String, TypeId)) -> Option<T> {
        self.0.get(at)?.downcast_ref().cloned()
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys().map(|(name, _)| name)).finish()
    }
}

impl World {
    /// A value that outlives the processes of the run, as a service does: the first process that asks
    /// for this name and type makes it, and every later one gets a clone.
    ///
    /// What shares its state among its clones, such as a [`ScriptedAgent`](crate::ScriptedAgent) or
    /// [`Faults`](crate::Faults), goes on in a new process where the one before it stopped.
    pub fn keep<T: Clone + Send + 'static>(&self, name: &str, make: impl FnOnce() -> T) -> T {
        let at = (name.to_owned(), TypeId::of::<T>());
        if let Some(known) = self.lock().kept.get(&at) {
            return known;
        }
        // Nothing is locked here: what makes it may ask the world itself.
        let new = make();
        let kept = &mut self.lock().kept;
        kept.get(&at).unwrap_or_else(|| {
            kept.0.insert(at, Box::new(new.clone()));
            new
        })
    }

    /// Answers for steps in doubt as a service would that knows what it was called with: a call that
    /// [`perform`](Process::perform) saw is completed with what it answered, and any other may run. What
    /// it answered must be what the step has as its output; for the step of a tool that is a
    /// `ToolResponse`, and the effect that the tool performs answers with one.
    pub fn reconciler(&self) -> impl Reconciler + use<> {
        let world = self.clone();
        reconciler_fn(move |doubt| {
            let answer = world.answer(doubt.idempotency_key);
            std::future::ready(answer.map_or(Reconciled::Rerun, Reconciled::Completed))
        })
    }

    /// How often the step of this key had its effect, over all processes.
    pub fn executions(&self, key: &str) -> usize {
        self.lock().executions.get(&Key::new(key)).copied().unwrap_or(0)
    }

    /// How often the effect of this key did not fail.
    pub(crate) fn successes(&self, key: &Key) -> usize {
        self.lock().successes.get(key).copied().unwrap_or(0)
    }

    /// The keys of all steps that had an effect, with how often.
    pub fn effects(&self) -> BTreeMap<Key, usize> {
        self.lock().executions.clone()
    }

    /// What the service has answered to this idempotency key, if the call reached it: what a
    /// reconciler would ask it for.
    pub fn answer(&self, idempotency_key: IdempotencyKey) -> Option<Payload> {
        self.lock().answers.get(&idempotency_key).cloned()
    }

    /// What was noticed so far.
    pub fn violations(&self) -> Vec<Violation> {
        self.lock().violations.clone()
    }

    /// Notes something that should not have happened.
    pub fn violate(&self, text: impl Into<String>) {
        self.lock().violations.push(Violation(text.into()));
    }

    fn lock(&self) -> MutexGuard<'_, Effects> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One process of a run, as its agents see it.
#[derive(Debug, Clone)]
pub struct Process {
    world: World,
    number: u64,
    journal: CrashJournal,
    random: Arc<Mutex<Random>>,
    live: Arc<()>,
    pub(crate) cancel: Arc<Notify>,
}

impl Process {
    pub(crate) fn new(world: World, number: u64, journal: CrashJournal, seed: u64) -> Self {
        Self {
            world,
            number,
            journal,
            random: Arc::new(Mutex::new(Random::new(seed))),
            live: Arc::new(()),
            cancel: Arc::default(),
        }
    }

    /// What is outside of it.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Which process of its machine this is, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Has the effect of a step, at a time of the seed's choosing, and notices when the step has a
    /// receipt already. A process that is dead has no effects: the call never returns.
    ///
    /// # Errors
    /// Those of `effect`.
    pub async fn perform<T: Serialize>(
        &self,
        step: &StepContext,
        effect: impl FnOnce() -> Result<T, AgentError>,
    ) -> Result<T, AgentError> {
        self.jitter().await;
        if self.journal.is_dead() {
            return self.end().await;
        }
        self.note(step);
        let result = effect();
        if result.is_ok() {
            *self.world.lock().successes.entry(step.key().clone()).or_default() += 1;
        }
        if let Some(answer) = result.as_ref().ok().and_then(|value| Payload::encode(value).ok()) {
            self.world.lock().answers.insert(step.idempotency_key(), answer);
        }
        self.jitter().await;
        if self.journal.is_dead() {
            return self.end().await;
        }
        result
    }

    /// Waits until nobody can see what comes after.
    async fn end<T>(&self) -> Result<T, AgentError> {
        self.journal.reaches(Phase::Buried).await;
        Err(AgentError::transient("the process has died"))
    }

    /// Says that a step has returned to its agent: its receipt must be durable by now.
    pub fn returned(&self, key: &str) {
        if !self.journal.is_dead() && !self.has_receipt(&Key::new(key), |_| true) {
            self.world.violate(format!("{key} returned before its receipt was durable"));
        }
    }

    /// Lets others run, and sometimes a little time pass.
    pub async fn jitter(&self) {
        let (yields, sleep) = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            (random.below(3), random.below(4) == 0)
        };
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        if sleep {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Cancels the run, as an operator would from outside of it.
    pub fn cancel_run(&self) {
        self.cancel.notify_one();
    }

    /// A token to hold while something is alive that should not outlive the run.
    pub fn alive(&self) -> Arc<()> {
        self.live.clone()
    }

    /// How many tokens are held.
    pub(crate) fn leaked(&self, own: usize) -> usize {
        Arc::strong_count(&self.live).saturating_sub(own)
    }

    fn note(&self, step: &StepContext) {
        let answers = |outcome: &Outcome| *outcome != Outcome::Withheld;
        let finished = self.has_receipt(step.key(), answers);
        let mut effects = self.world.lock();
        *effects.executions.entry(step.key().clone()).or_default() += 1;
        let known = *effects.keys.entry(step.key().clone()).or_insert(step.idempotency_key());
        if known != step.idempotency_key() {
            let text = format!("{} has two idempotency keys", step.key());
            effects.violations.push(Violation(text));
        }
        if finished {
            let text = format!("{} ran again although it has a receipt", step.key());
            effects.violations.push(Violation(text));
        }
    }

    fn has_receipt(&self, key: &Key, which: impl Fn(&Outcome) -> bool) -> bool {
        let is_receipt =
            |fact: &Fact| matches!(fact, Fact::Receipt { outcome, .. } if which(outcome));
        self.journal.durable().records().iter().any(|r| r.key == *key && is_receipt(&r.fact))
    }
}
