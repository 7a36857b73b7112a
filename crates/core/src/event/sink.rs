use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::AgentEvent;
use crate::contain;

/// Hears every event of a run, from its opening on; given to
/// [`RunBuilder::with_sink`](crate::RunBuilder::with_sink).
///
/// A sink is called in the middle of the agent's work, on its thread, so that it needs no task and
/// loses nothing. For the same reason it **must not block**: it counts, sets a gauge, sends to a
/// channel that never waits. Nor may it make an event itself, which would come back to it. What does
/// I/O reads a stream ([`Events`](crate::Events)) on a thread of its own.
///
/// Calls come from all threads of the run, also at the same time; the events of one context come in
/// its order, those of different ones may change places, and [`AgentEvent::sequence`] tells the order
/// of all. A sink that panics is not called again, which is told through `tracing`; the run goes on.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use maniple_core::{AgentError, AgentEvent, Effect, EventKind, EventSink, Run, agent_fn};
///
/// #[derive(Debug, Default)]
/// struct TokensSpent(AtomicU64);
///
/// impl EventSink for TokensSpent {
///     fn event(&self, event: &AgentEvent) {
///         if let EventKind::StepFinished { spent, .. } = &event.kind {
///             self.0.fetch_add(spent.tokens, Ordering::Relaxed);
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let spent = Arc::new(TokensSpent::default());
/// let agent = agent_fn("ask", |(), cx| async move {
///     cx.step("model", Effect::Pure, (), |(), step| async move {
///         step.spend(maniple_core::Budget::tokens(1_200));
///         Ok(())
///     })
///     .await
/// });
/// let run = Run::builder("example").with_sink(spent.clone()).open().await?;
/// run.execute(agent, ()).await?;
/// assert_eq!(spent.0.load(Ordering::Relaxed), 1_200);
/// # Ok(())
/// # }
/// ```
pub trait EventSink: Debug + Send + Sync + 'static {
    /// Takes note of an event, without blocking.
    fn event(&self, event: &AgentEvent);
}

const _: Option<&dyn EventSink> = None;

#[deny(clippy::missing_trait_methods)]
impl<S: EventSink + ?Sized> EventSink for Arc<S> {
    fn event(&self, event: &AgentEvent) {
        (**self).event(event);
    }
}

/// A sink, and whether it can still be called.
#[derive(Debug)]
pub(super) struct Told {
    sink: Arc<dyn EventSink>,
    has_panicked: AtomicBool,
}

impl Told {
    pub(super) fn new(sink: Arc<dyn EventSink>) -> Self {
        Self { sink, has_panicked: AtomicBool::new(false) }
    }

    pub(super) fn tell(&self, event: &AgentEvent) {
        if self.has_panicked.load(Ordering::Relaxed) {
            return;
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.sink.event(event))) {
            self.has_panicked.store(true, Ordering::Relaxed);
            tracing::error!(
                target: "maniple",
                run = %event.run,
                panic = contain::message(&*panic),
                "an event sink panicked, and is not called again"
            );
        }
    }
}
