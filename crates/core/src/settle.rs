//! Which children of a pattern count, where not all of them do.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::RunContext;
use crate::error::AgentError;
use crate::identity::Key;
use crate::journal::Payload;
use crate::step::decode;

impl RunContext {
    /// How the pattern of this context was settled, if the journal knows; see
    /// [`settle`](Self::settle).
    ///
    /// # Errors
    /// `Codec` where what was recorded is not of the type asked for; `NestedStep` in the body of a
    /// step.
    pub fn settlement<T: DeserializeOwned>(&self) -> Result<Option<T>, AgentError> {
        self.settlement_at(&self.settlement_key(&self.node.attempts()))
    }

    /// What was settled [for good](Self::settle_for_good) in this context, if the journal knows.
    ///
    /// # Errors
    /// As for [`settlement`](Self::settlement).
    pub fn settlement_for_good<T: DeserializeOwned>(&self) -> Result<Option<T>, AgentError> {
        self.settlement_at(&self.settlement_key(""))
    }

    fn settlement_at<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, AgentError> {
        self.check_not_nested(|| key.clone())?;
        self.recorded(key).map(|settled| decode(key, Ok(settled))).transpose()
    }

    /// Journals how a pattern is settled by arrival, or in spite of failures that are not final,
    /// before anybody hears of it: from then on [`settlement`](Self::settlement) answers, and the
    /// pattern ends the same way however its children would end now. There is one settlement to a
    /// context, and to each of the attempts around it.
    ///
    /// # Errors
    /// `Parked` where the journal has stopped; `Codec` where the value has no form in JSON.
    ///
    /// # Cancel safety
    /// Dropped, the settlement may have been journaled.
    pub async fn settle<T: Serialize + Sync>(&self, settlement: &T) -> Result<(), AgentError> {
        self.settle_at(&self.settlement_key(&self.node.attempts()), settlement).await
    }

    /// As [`settle`](Self::settle), for every attempt around this context: what has left the run, such
    /// as a letter, is not taken back where an attempt fails.
    ///
    /// # Errors
    /// As for [`settle`](Self::settle).
    ///
    /// # Cancel safety
    /// As for [`settle`](Self::settle).
    pub async fn settle_for_good<T: Serialize + Sync>(
        &self,
        settlement: &T,
    ) -> Result<(), AgentError> {
        self.settle_at(&self.settlement_key(""), settlement).await
    }

    async fn settle_at<T: Serialize + Sync>(
        &self,
        key: &Key,
        settlement: &T,
    ) -> Result<(), AgentError> {
        let codec = |source| AgentError::Codec { key: key.clone(), what: "output", source };
        let value = Payload::encode(settlement).map_err(codec)?;
        self.record_decision(key, value).await
    }

    /// The patterns inside this context that have [recorded their shape](Self::check_shape) and were not
    /// settled [for good](Self::settle_for_good), with their shapes, in the order of their keys.
    pub fn unsettled(&self) -> Vec<(Key, Payload)> {
        self.env().run.history().unsettled_inside(self.node.path())
    }

    fn settlement_key(&self, attempts: &str) -> Key {
        let path = self.node.path().as_str();
        let at = if attempts.is_empty() { "" } else { "@" };
        Key::new(&format!("{path}:%settled{at}{attempts}"))
    }
}
