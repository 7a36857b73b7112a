use crate::broken::Rule;
use crate::context::RunContext;
use crate::context::node::keyed;
use crate::error::AgentError;
use crate::identity::{Key, Name, Sigil};
use crate::journal::{Spot, Standing, Visit};

use super::guard;

/// The name of a step or signal, taken at the call and held until it ends.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    cx: &'a RunContext,
    sigil: Sigil,
    name: Name,
    pub(crate) key: Key,
}

impl RunContext {
    /// Names what is opened here, in the order of the calls.
    pub(crate) fn take_slot(&self, sigil: Sigil, name: &str) -> Result<Slot<'_>, AgentError> {
        let name = self.name(name);
        self.check_not_nested(|| keyed(self.node.path().as_str(), sigil, &name, 1))?;
        let claimed = self.node.claim(sigil, &name);
        let ordinal = self.node.next_ordinal(sigil, &name);
        let key = keyed(self.node.path().as_str(), sigil, &name, ordinal);
        if !claimed {
            return Err(AgentError::ConcurrentStep { key });
        }
        Ok(Slot { cx: self, sigil, name, key })
    }

    /// Whether this call comes from the body of a step, where it would not be made on a replay.
    pub(crate) fn check_not_nested(&self, key: impl FnOnce() -> Key) -> Result<(), AgentError> {
        let run = &self.env().run;
        if guard::is_inside(run) && !run.breaks(Rule::NoStepInsideStep) {
            return Err(AgentError::NestedStep { key: key() });
        }
        Ok(())
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.cx.node.release(self.sigil, &self.name);
    }
}

/// A key under which work is being done, so that nobody else does it at the same time.
#[derive(Debug)]
pub(crate) struct AtWork<'a> {
    cx: &'a RunContext,
    spot: Spot,
}

impl<'a> AtWork<'a> {
    /// The claim that coming by the key has made, if there is work to do.
    pub(crate) fn of(
        cx: &'a RunContext,
        key: &Key,
        visit: &Visit,
    ) -> Result<Option<Self>, AgentError> {
        match visit.standing {
            Standing::Ready | Standing::Open(..) => Ok(Some(Self { cx, spot: visit.spot })),
            Standing::InFlight => Err(AgentError::ConcurrentStep { key: key.clone() }),
            _ => Ok(None),
        }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.cx.env().run.history().release(self.spot);
    }
}
