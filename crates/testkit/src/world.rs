use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::pending;
use maniple_core::{AgentError, Fact, IdempotencyKey, Key, Payload, StepContext};
use serde::Serialize;
use tokio::sync::Notify;

use crate::crash::CrashJournal;
use crate::random::Random;

/// Something that a rule forbids and that happened all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// What is outside of the run and survives its crashes: it remembers every effect.
#[derive(Debug, Clone, Default)]
pub struct World(Arc<Mutex<Effects>>);

#[derive(Debug, Default)]
struct Effects {
    /// How often the body behind a key had its effect.
    executions: BTreeMap<Key, usize>,
    keys: BTreeMap<Key, IdempotencyKey>,
    /// What the service has answered, by what it was given.
    answers: BTreeMap<IdempotencyKey, Payload>,
    violations: Vec<Violation>,
}

impl World {
    /// How often the step of this key had its effect, over all processes.
    pub fn executions(&self, key: &str) -> usize {
        self.lock().executions.get(&Key::new(key)).copied().unwrap_or(0)
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
            return pending().await;
        }
        self.note(step);
        let result = effect();
        if let Some(answer) = result.as_ref().ok().and_then(|value| Payload::encode(value).ok()) {
            self.world.lock().answers.insert(step.idempotency_key(), answer);
        }
        self.jitter().await;
        if self.journal.is_dead() {
            return pending().await;
        }
        result
    }

    /// Says that a step has returned to its agent: its receipt must be durable by now.
    pub fn returned(&self, key: &str) {
        if !self.journal.is_dead() && !self.has_receipt(&Key::new(key)) {
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
        let finished = self.has_receipt(step.key());
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

    fn has_receipt(&self, key: &Key) -> bool {
        let is_receipt = |fact: &Fact| matches!(fact, Fact::Receipt { .. });
        self.journal.durable().records().iter().any(|r| r.key == *key && is_receipt(&r.fact))
    }
}
