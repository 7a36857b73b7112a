use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use super::RunContext;
use super::env::Env;
use super::node::{Node, Segment, at};
use crate::broken::Rule;
use crate::budget::Budget;
use crate::error::AgentError;
use crate::identity::{Key, Name, Sigil};
use crate::journal::{Fact, Payload};
use crate::permission::Permissions;
use crate::scope::after;
use crate::scratch::push_number;

/// The key of a child that is one of many: its index, or a text that is unique among them, such as
/// the path of a file. The text `5` and the index 5 are two keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildKey(pub(super) Place);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Place {
    Index(u64),
    Name(Name),
}

impl From<u64> for ChildKey {
    fn from(index: u64) -> Self {
        Self(Place::Index(index))
    }
}

impl From<&str> for ChildKey {
    fn from(name: &str) -> Self {
        Self(Place::Name(Name::keyed(name)))
    }
}

impl From<String> for ChildKey {
    fn from(name: String) -> Self {
        Self::from(name.as_str())
    }
}

impl Key {
    /// The key of the context that [`RunContext::child_at`] makes in the context of this key.
    pub fn child_at(&self, key: impl Into<ChildKey>) -> Self {
        match key.into().0 {
            Place::Index(index) => at(self.as_str(), |text| push_number(text, index)),
            Place::Name(name) => at(self.as_str(), |text| text.push_str(name.as_str())),
        }
    }
}

/// A decision of ours: no name of a host has this form.
static DEADLINE: LazyLock<Name> = LazyLock::new(|| Name::verbatim("%deadline"));

impl RunContext {
    /// A context for a child that is called in turn with others: `/review/plan`, and for the second
    /// of its name `/review/plan#2`.
    ///
    /// Children of one name that are made by tasks that race get names that depend on who came
    /// first: give those a [`child_at`](Self::child_at).
    pub fn child(&self, name: &str) -> Self {
        self.child_in(self.env().clone(), name)
    }

    /// A context for one of many children that run at the same time: `/review/map[17]`.
    ///
    /// The caller answers for the keys being distinct among the children of one context; two steps
    /// that meet under one key are an error.
    pub fn child_at(&self, key: impl Into<ChildKey>) -> Self {
        self.child_at_in(self.env().clone(), key.into())
    }

    /// Lets the context end after so much more working time; an earlier deadline stays.
    ///
    /// Working time stands still while the run is paused, suspended or not running. The deadline is
    /// journaled, so that a later process gives it no more time. It bounds what begins here; what
    /// already runs is stopped by the [`Scope`](crate::Scope)s that are opened on the context.
    pub fn with_deadline(self, after: Duration) -> Self {
        let at = self.deadline_in(after);
        self.until(at)
    }

    /// The same place, until the run has worked for so long.
    pub(crate) fn until(self, at: Duration) -> Self {
        self.narrow(|env| env.deadline = Some(env.deadline.map_or(at, |before| before.min(at))))
    }

    /// For how long the run will have worked in so much time from now, or from when this was first
    /// asked here.
    pub(crate) fn deadline_in(&self, after: Duration) -> Duration {
        let run = &self.env().run;
        let at = run.clock.worked().saturating_add(after);
        if run.journal.is_none() {
            return at;
        }
        // In the body of a step nothing is journaled: whatever is opened here is an error there.
        let Ok(key) = self.decision_key(&DEADLINE) else { return at };
        if let Some(recorded) = self.recorded(&key).and_then(|at| at.decode().ok()) {
            return Duration::from_millis(recorded);
        }
        if self.check_unfenced().is_ok() {
            let millis = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
            if let Ok(value) = Payload::encode(&millis) {
                // It precedes whatever is done under it, so nobody has to wait for it.
                drop(self.record(&key, Fact::Decided { value }));
            }
        }
        at
    }

    /// Lets the context end at this time of day; an earlier one stays.
    pub fn with_wall_deadline(self, at: SystemTime) -> Self {
        let left = at.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        let at = after(left);
        self.narrow(|env| {
            env.deadline_wall = Some(env.deadline_wall.map_or(at, |before| before.min(at)));
        })
    }

    /// Gives the context a share of the budget, carved out of this one's. What is not used goes back
    /// when the last context with this share is gone. What was used at this place before, by an
    /// earlier attempt or process, is a part of the share.
    ///
    /// # Errors
    /// [`BudgetExhausted`](AgentError::BudgetExhausted) when less than that remains,
    /// [`PlaceInUse`](AgentError::PlaceInUse) where something was opened in this context before.
    pub fn with_budget(self, limit: Budget) -> Result<Self, AgentError> {
        let path = self.node.path();
        if self.node.is_used() {
            let what = "a share of the budget";
            return Err(AgentError::PlaceInUse { key: path.clone(), what });
        }
        let (held, counted) = self.env().run.history().held_and_counted(path);
        let lease = self.env().lease.grant_at(limit, held, counted);
        let lease =
            lease.map_err(|source| AgentError::BudgetExhausted { key: path.clone(), source })?;
        Ok(self.narrow(|env| env.lease = lease))
    }

    /// Narrows what the context may do to what these permit too.
    pub fn with_permissions(self, permissions: &Permissions) -> Self {
        self.narrow(|env| env.permissions = env.permissions.intersect(permissions))
    }

    /// Gives the context, and all below it, a value of the host's own, at most one of each type.
    pub fn with_extension<T: Send + Sync + 'static>(self, value: T) -> Self {
        self.narrow(|env| env.extensions = env.extensions.with(value))
    }

    pub(crate) fn child_in(&self, env: Arc<Env>, name: &str) -> Self {
        let name = self.name(name);
        let ordinal = self.node.next_ordinal(Sigil::Child, &name);
        self.derive(env, Segment::Named(name, ordinal))
    }

    pub(crate) fn child_at_in(&self, env: Arc<Env>, key: ChildKey) -> Self {
        if env.run.breaks(Rule::ChildrenAreKeyed) {
            let ordinal = self.node.next_ordinal(Sigil::Child, &Name::new("arrival"));
            return self.derive(env, Segment::Index(ordinal.into()));
        }
        self.derive(
            env,
            match key.0 {
                Place::Index(index) => Segment::Index(index),
                Place::Name(name) => Segment::Keyed(name),
            },
        )
    }

    pub(crate) fn derive(&self, env: Arc<Env>, segment: Segment) -> Self {
        Self { node: Arc::new(Node::new(env, Some(self.clone()), segment)) }
    }

    #[cfg_attr(
        not(feature = "broken"),
        expect(clippy::unused_self, reason = "only a broken variant asks the run")
    )]
    pub(crate) fn name(&self, text: &str) -> Name {
        #[cfg(feature = "broken")]
        if self.env().run.breaks(Rule::NamesAreEscaped) {
            return Name::verbatim(text);
        }
        Name::new(text)
    }

    /// The same place, with fresh ordinals and no latch.
    pub(crate) fn fresh(&self) -> Self {
        let Node { env, parent, segment, .. } = &*self.node;
        Self { node: Arc::new(Node::new(env.clone(), parent.clone(), segment.clone())) }
    }

    /// The same place, out of reach of what latches there.
    pub(crate) fn shielded(&self) -> Self {
        self.derive(self.env().clone(), Segment::Shielded)
    }

    /// The same place, in an environment of its own.
    fn narrow(self, change: impl FnOnce(&mut Env)) -> Self {
        let mut env = Env::clone(self.env());
        change(&mut env);
        self.derive(Arc::new(env), Segment::Narrowed)
    }
}
