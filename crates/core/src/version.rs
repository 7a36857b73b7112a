//! Changing code while runs are in flight.

use crate::broken::Rule;
use crate::context::RunContext;
use crate::error::AgentError;
use crate::identity::{Key, Sigil};
use crate::journal::Payload;
use crate::step::decode;

impl RunContext {
    /// Pins this run to the version of the code that it started on.
    ///
    /// A run that comes by here for the first time gets `latest`, and from then on always that. A
    /// run whose journal already holds something of this context that it has not come by again was
    /// recorded by code from before this call existed: it gets 0. So the code branches on the answer,
    /// `0` being how it was before, and old branches are deleted when no run is left on them.
    ///
    /// # Errors
    /// `Diverged` where the run was pinned to a version above `latest`: this code is older than the
    /// journal. `Parked` where the journal has stopped; `NestedStep` in the body of a step.
    ///
    /// # Cancel safety
    /// Dropped, the run may have been pinned.
    pub async fn version(&self, name: &str, latest: u32) -> Result<u32, AgentError> {
        let sigil = Sigil::Version.char();
        let key = Key::new(&format!("{}{sigil}{}", self.node.path().as_str(), self.name(name)));
        self.check_not_nested(|| key.clone())?;
        self.check_open()?;
        if let Some(pinned) = self.recorded(&key) {
            let pinned: u32 = decode(&key, Ok(pinned))?;
            if pinned > latest {
                let found = format!("recorded version {pinned}, this code knows {latest}");
                return Err(AgentError::Diverged { key, found: found.into() });
            }
            return Ok(pinned);
        }
        let run = &self.env().run;
        if run.breaks(Rule::VersionsArePinned) {
            return Ok(latest);
        }
        let pin = if run.history().is_ahead(self.node.path()) { 0 } else { latest };
        let value = Payload::encode(&pin).map_err(|source| AgentError::Codec {
            key: key.clone(),
            what: "output",
            source,
        })?;
        self.record_decision(&key, value).await?;
        Ok(pin)
    }
}
