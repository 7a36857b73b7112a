use maniple_core::{AgentEvent, EventKind, Events, Lost, Run};
use tokio::task::unconstrained;

use futures::FutureExt;

/// Collects the events of a run, to be asserted on.
///
/// It listens from the moment at which it is made. What the run has said since is taken in by
/// [`drain`](Self::drain), or by [`until_gone`](Self::until_gone) when the run was dropped. A test must
/// not overlook what it has missed: where the sink fell behind, both say so instead of answering with
/// the rest; [with a larger buffer](maniple_core::RunBuilder::with_event_buffer) the run keeps more.
///
/// ```
/// use maniple_core::{Effect, EventKind, Run, agent_fn};
/// use maniple_testkit::RecordingSink;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let run = Run::builder("shop").open().await.unwrap();
/// let mut sink = RecordingSink::listening_to(&run);
/// let pay = agent_fn("pay", |cents: u64, cx| async move {
///     cx.step("charge", Effect::Idempotent, cents, |cents, _| async move { Ok(cents) }).await
/// });
/// run.execute(pay, 5).await.unwrap();
///
/// let events = sink.drain().unwrap();
/// let charge: Vec<_> = events.iter().filter(|event| event.path.as_str() == "/pay/charge").collect();
/// assert!(matches!(charge[0].kind, EventKind::StepStarted { effect: Effect::Idempotent }));
/// assert!(matches!(charge[1].kind, EventKind::StepFinished { error: None, .. }));
/// # }
/// ```
#[derive(Debug)]
pub struct RecordingSink {
    events: Events,
    recorded: Vec<AgentEvent>,
    lost: u64,
}

impl RecordingSink {
    /// Listens to a run from here on.
    pub fn listening_to(run: &Run) -> Self {
        Self { events: run.events(), recorded: Vec::new(), lost: 0 }
    }

    /// Takes in what the run has said so far, and gives all that was recorded, in order.
    ///
    /// # Errors
    /// [`Lost`] where the sink ever fell behind, with how many events are missing.
    pub fn drain(&mut self) -> Result<&[AgentEvent], Lost> {
        // Without the runtime's own limit on how much is taken at once.
        while let Some(Some(next)) = unconstrained(self.events.next()).now_or_never() {
            self.record(next);
        }
        self.recorded()
    }

    /// Takes in all that the run says until it is gone, that is, until it and every context of it were
    /// dropped.
    ///
    /// # Errors
    /// [`Lost`] where the sink ever fell behind, with how many events are missing.
    ///
    /// # Cancel safety
    /// Cancel safe: what was taken in is kept.
    pub async fn until_gone(&mut self) -> Result<&[AgentEvent], Lost> {
        while let Some(next) = self.events.next().await {
            self.record(next);
        }
        self.recorded()
    }

    /// What was taken in about one context or step, in order.
    ///
    /// # Errors
    /// [`Lost`] where the sink ever fell behind, with how many events are missing.
    pub fn about(&self, path: &str) -> Result<Vec<&EventKind>, Lost> {
        let about = |event: &&AgentEvent| event.path.as_str() == path;
        Ok(self.recorded()?.iter().filter(about).map(|event| &event.kind).collect())
    }

    fn record(&mut self, next: Result<AgentEvent, Lost>) {
        match next {
            Ok(event) => self.recorded.push(event),
            Err(Lost(lost)) => self.lost = self.lost.saturating_add(lost),
        }
    }

    fn recorded(&self) -> Result<&[AgentEvent], Lost> {
        match self.lost {
            0 => Ok(&self.recorded),
            lost => Err(Lost(lost)),
        }
    }
}
