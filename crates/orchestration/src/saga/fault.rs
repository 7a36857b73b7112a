//! Where a check looks at a saga from the inside, and lets something go wrong. Without the feature
//! `testkit` nobody does.

use maniple_core::AgentError;
#[cfg(feature = "testkit")]
use maniple_core::Class;
#[cfg(feature = "testkit")]
use tokio::sync::{mpsc, oneshot};

/// What of a step is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Part {
    /// What it does.
    Action,
    /// What takes it back.
    Undo,
}

/// How often something is done in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Once,
    Twice,
}

/// When something is asked.
#[cfg(feature = "testkit")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// A step asks what is to go wrong, and goes on when that is answered.
#[cfg(feature = "testkit")]
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) step: String,
    pub(crate) part: Part,
    pub(crate) moment: Moment,
    pub(crate) answer: oneshot::Sender<Order>,
}

#[cfg(feature = "testkit")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Go,
    /// It fails for good.
    Fail,
    /// Nobody can tell whether it happened.
    Lose,
    Panic,
    Repeat,
}

/// Who is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    #[cfg(feature = "testkit")]
    pub(crate) asked: Option<mpsc::UnboundedSender<Probe>>,
}

#[cfg(not(feature = "testkit"))]
#[expect(clippy::unused_async, reason = "a check waits here, and asks")]
impl Faults {
    pub(super) async fn before(&self, _: &str, _: Part) -> Result<Times, AgentError> {
        Ok(Times::Once)
    }

    pub(super) async fn after<T>(
        &self,
        _: &str,
        _: Part,
        result: Result<T, AgentError>,
    ) -> Result<T, AgentError> {
        result
    }
}

#[cfg(feature = "testkit")]
impl Faults {
    pub(super) async fn before(&self, step: &str, part: Part) -> Result<Times, AgentError> {
        self.obey(step, part, Moment::Before).await
    }

    pub(super) async fn after<T>(
        &self,
        step: &str,
        part: Part,
        result: Result<T, AgentError>,
    ) -> Result<T, AgentError> {
        let value = result?;
        self.obey(step, part, Moment::After).await?;
        Ok(value)
    }

    async fn obey(&self, step: &str, part: Part, moment: Moment) -> Result<Times, AgentError> {
        let Some(asked) = &self.asked else { return Ok(Times::Once) };
        let (answer, order) = oneshot::channel();
        // Where nobody answers any more, nothing goes wrong.
        let _ = asked.send(Probe { step: step.to_owned(), part, moment, answer });
        match order.await.unwrap_or(Order::Go) {
            Order::Go => Ok(Times::Once),
            Order::Repeat => Ok(Times::Twice),
            Order::Fail => Err(AgentError::permanent("a check lets it fail")),
            Order::Lose => Err(AgentError::new(Class::Indeterminate, "a check loses its answer")),
            // As a panic that no hook hears of.
            Order::Panic => std::panic::resume_unwind(Box::new("a check lets it panic")),
        }
    }
}
