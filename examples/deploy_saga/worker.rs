//! Work that blocks its thread, one piece after the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use maniple::core::{AgentError, Effect, StepContext};
use maniple::orchestration::Undo;

use super::command::{Step, Trouble};
use super::fault::Fault;
use super::release::Release;
use super::target::Target;

/// Does the steps, and takes them back.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    /// A piece of work that nobody waits for any more ends before the next begins.
    target: Arc<Mutex<Target>>,
    trouble: Trouble,
}

/// What a piece of work asks, from time to time, whether it goes on.
pub(crate) struct Hand {
    step: StepContext,
    dropped: Arc<AtomicBool>,
    trouble: Trouble,
}

impl Hand {
    /// # Errors
    /// `Stopped`, where it does not.
    pub(crate) fn goes_on(&self) -> Result<(), Fault> {
        self.pause();
        let is_stopped = self.step.is_cancelled() || self.dropped.load(Ordering::Relaxed);
        if is_stopped { Err(Fault::Stopped) } else { Ok(()) }
    }

    fn pause(&self) {
        std::thread::sleep(self.trouble.pause);
    }
}

/// Tells the work when nobody waits for it any more.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Worker {
    pub(crate) fn new(target: Target, trouble: Trouble) -> Self {
        Self { target: Arc::new(Mutex::new(target)), trouble }
    }

    /// The work of a step.
    pub(crate) async fn act<T: Send + 'static>(
        self,
        step: Step,
        effect: Effect,
        cx: StepContext,
        work: impl FnOnce(&Target, &Hand) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, AgentError> {
        let key = cx.key().clone();
        if self.trouble.fail_at == Some(step) {
            let (step, what) = (step.name(), "fails");
            return Err(Fault::AsAskedFor { step, what }.of_step(effect, &key));
        }
        let panics = self.trouble.panic_at == Some(step);
        let made = self.blocking(cx, work).await.map_err(|fault| fault.of_step(effect, &key))?;
        assert!(!panics, "step {step} panics, as was asked for");
        Ok(made)
    }

    /// What takes a step back: it asks nobody whether the step has happened, and looks for itself.
    pub(crate) async fn undo<G, O>(
        self,
        step: Step,
        undo: Undo<Release, G, O>,
        cx: StepContext,
        work: fn(&Target, &Release) -> Result<(), Fault>,
    ) -> Result<(), AgentError> {
        let key = cx.key().clone();
        if self.trouble.fail_undo_at == Some(step) {
            let (step, what) = (step.name(), "cannot be taken back");
            return Err(Fault::AsAskedFor { step, what }.of_undo(&key));
        }
        let release = undo.input;
        let undoing = self.blocking(cx, move |target, _| work(target, &release));
        undoing.await.map_err(|fault| fault.of_undo(&key))
    }

    async fn blocking<T: Send + 'static>(
        self,
        step: StepContext,
        work: impl FnOnce(&Target, &Hand) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let waiting = Waiting(Arc::default());
        let hand = Hand { step, dropped: waiting.0.clone(), trouble: self.trouble };
        let working = tokio::task::spawn_blocking(move || {
            let target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
            hand.goes_on()?;
            let made = work(&target, &hand);
            hand.pause();
            made
        });
        match working.await {
            Ok(made) => made,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is shutting down.
            Err(_) => Err(Fault::Stopped),
        }
    }
}
