//! What is decided once, and answered by the journal from then on.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::broken::Rule;
use crate::context::RunContext;
use crate::context::node::{Hold, keyed};
use crate::error::{AgentError, RecordedError};
use crate::identity::{Key, Name, Sigil};
use crate::journal::{Fact, Mark, Payload};
use crate::step::{decode, encode};

impl RunContext {
    /// Decides something that depends on time, arrival or chance, once: the first time `decide` is
    /// called and its value is journaled before it is returned; from then on the journal answers.
    ///
    /// It is named by this context's path, `name`, the attempts around it, and how many of that name
    /// were made here before.
    ///
    /// # Errors
    /// `Parked` where the journal has stopped; `Codec` where the value does not survive JSON;
    /// `NestedStep` in the body of a step.
    ///
    /// # Cancel safety
    /// Dropped, the decision may have been made.
    pub async fn decide<T, F>(&self, name: &str, decide: F) -> Result<T, AgentError>
    where
        T: Serialize + DeserializeOwned + Send,
        F: FnOnce() -> T + Send,
    {
        let key = self.decision_key(&self.name(name))?;
        self.check_open()?;
        if let Some(recorded) = self.recorded(&key) {
            return decode(&key, Ok(recorded));
        }
        let (payload, value) = encode(&key, &decide())?;
        self.record_decision(&key, payload).await?;
        Ok(value)
    }

    /// Records what a durable pattern is made of when it first starts, and compares it ever after.
    ///
    /// # Errors
    /// `Diverged`, with both, where the journal knows another shape.
    pub fn check_shape<T: Serialize>(&self, shape: &T) -> Result<(), AgentError> {
        self.check_open()?;
        let key = Key::new(&format!("{}:%shape", self.node.path().as_str()));
        let codec = |source| AgentError::Codec { key: key.clone(), what: "input", source };
        let now = Payload::encode(shape).map_err(codec)?;
        match self.recorded(&key) {
            None => {
                // It precedes whatever the pattern records, so nobody has to wait for it.
                drop(self.record(&key, Fact::Decided { value: now })?);
                Ok(())
            }
            Some(recorded) if recorded == now => Ok(()),
            Some(recorded) => {
                let found = format!("recorded shape {recorded:?}, now {now:?}");
                Err(AgentError::Diverged { key: self.path(), found: found.into() })
            }
        }
    }

    /// The key of the next decision of this name.
    pub(crate) fn decision_key(&self, name: &Name) -> Result<Key, AgentError> {
        self.check_not_nested(|| keyed(self.node.path().as_str(), Sigil::Decision, name, 1))?;
        self.decision_key_at(name, self.node.next_ordinal(Sigil::Decision, name))
    }

    /// The key of the decision of this name and number.
    pub(crate) fn decision_key_at(&self, name: &Name, ordinal: u32) -> Result<Key, AgentError> {
        let path = self.node.path();
        self.check_not_nested(|| keyed(path.as_str(), Sigil::Decision, name, 1))?;
        let key = keyed(path.as_str(), Sigil::Decision, name, ordinal);
        let attempts = self.node.attempts();
        Ok(if attempts.is_empty() { key } else { Key::new(&format!("{key}@{attempts}")) })
    }

    /// The decision under this key, if it was made.
    pub(crate) fn recorded(&self, key: &Key) -> Option<Payload> {
        match self.env().run.history().visit_mark(key) {
            Some(Mark::Decided(value)) => Some(value),
            _ => None,
        }
    }

    pub(crate) async fn record_decision(
        &self,
        key: &Key,
        value: Payload,
    ) -> Result<(), AgentError> {
        if self.env().run.breaks(Rule::DecisionsAreJournaled) {
            return Ok(());
        }
        self.env().run.decides();
        self.write(key, Fact::Decided { value }).await
    }
}

/// A failure that a policy of ours acts upon, under the name at which it is journaled before.
#[derive(Debug)]
pub(crate) struct Verdict {
    name: &'static Name,
    pub(crate) ordinal: u32,
}

impl RunContext {
    /// Gives this place to a policy that may decide that the agent in it is not asked again.
    pub(crate) fn hold(&self) -> Result<Hold<'_>, AgentError> {
        let in_use = || AgentError::PlaceInUse { key: self.path(), what: "a policy" };
        self.node.hold().ok_or_else(in_use)
    }

    /// Names a verdict, in the order of the policies around an agent.
    pub(crate) fn verdict(&self, name: &'static Name) -> Verdict {
        Verdict { name, ordinal: self.node.next_ordinal(Sigil::Decision, name) }
    }
}

impl Verdict {
    /// What was journaled.
    pub(crate) fn given(&self, cx: &RunContext) -> Result<Option<AgentError>, AgentError> {
        if !cx.env().run.has_decided() {
            return Ok(None);
        }
        let key = cx.decision_key_at(self.name, self.ordinal)?;
        let given = cx.recorded(&key).map(|given| decode::<RecordedError>(&key, Ok(given)));
        Ok(given.transpose()?.map(AgentError::Recorded))
    }

    pub(crate) async fn give(&self, cx: &RunContext, error: &AgentError) -> Result<(), AgentError> {
        let key = cx.decision_key_at(self.name, self.ordinal)?;
        let codec = |source| AgentError::Codec { key: key.clone(), what: "output", source };
        let value = Payload::encode(&error.recorded()).map_err(codec)?;
        cx.record_decision(&key, value).await
    }
}
