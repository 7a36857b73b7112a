use std::sync::{Arc, Mutex, PoisonError};

use maniple_core::{AgentEvent, EventKind, EventSink};

/// Collects the events of a run, to be asserted on: all of them, from its opening on, in the order of
/// their numbers. Clones collect into the same.
///
/// ```
/// use maniple_core::{Effect, EventKind, Run, agent_fn};
/// use maniple_testkit::RecordingSink;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sink = RecordingSink::new();
/// let run = Run::builder("shop").with_sink(sink.clone()).open().await.unwrap();
/// let pay = agent_fn("pay", |cents: u64, cx| async move {
///     cx.step("charge", Effect::Idempotent, cents, |cents, _| async move { Ok(cents) }).await
/// });
/// run.execute(pay, 5).await.unwrap();
///
/// let charge = sink.about("/pay/charge");
/// assert!(matches!(charge[0], EventKind::StepStarted { effect: Effect::Idempotent }));
/// assert!(matches!(charge[1], EventKind::StepFinished { error: None, .. }));
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct RecordingSink(Arc<Mutex<Vec<AgentEvent>>>);

impl RecordingSink {
    /// A sink that has heard nothing, to be given to
    /// [`RunBuilder::with_sink`](maniple_core::RunBuilder::with_sink).
    pub fn new() -> Self {
        Self::default()
    }

    /// What was told so far, in order.
    pub fn events(&self) -> Vec<AgentEvent> {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Those that were told at the same time may have come in any order.
        events.sort_by_key(|event| event.sequence);
        events
    }

    /// What was told so far of one context or step, in order.
    pub fn about(&self, path: &str) -> Vec<EventKind> {
        let about = |event: &AgentEvent| event.path.as_str() == path;
        self.events().into_iter().filter(about).map(|event| event.kind).collect()
    }
}

#[deny(clippy::missing_trait_methods)]
impl EventSink for RecordingSink {
    fn event(&self, event: &AgentEvent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}
