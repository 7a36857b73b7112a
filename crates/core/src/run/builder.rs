use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::clock::WorkClock;
use super::shields::Shields;
use super::state::Apart;
use super::{Root, Run, RunState};
use crate::broken::Rule;
use crate::budget::{Budget, Lease};
use crate::context::env::{Env, Room};
use crate::error::AgentError;
use crate::event::{EventKind, EventSink, Events, Hub};
use crate::extensions::Extensions;
use crate::identity::{Key, RunId};
use crate::journal::{Fact, History, Journal};
use crate::permission::Permissions;
use crate::scope::{GRACE, Stop, after};
use crate::step::{ParkAll, Reconciler};

/// What a run is given before it is opened.
#[derive(Debug)]
pub struct RunBuilder {
    name: Arc<str>,
    id: Option<RunId>,
    journal: Option<Arc<dyn Journal>>,
    reconciler: Arc<dyn Reconciler>,
    deadline: Option<Duration>,
    deadline_wall: Option<SystemTime>,
    budget: Budget,
    permissions: Permissions,
    extensions: Extensions,
    grace: Duration,
    events: Hub,
    #[cfg(feature = "broken")]
    broken: std::collections::BTreeSet<Rule>,
}

impl RunBuilder {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            id: None,
            journal: None,
            reconciler: Arc::new(ParkAll),
            deadline: None,
            deadline_wall: None,
            budget: Budget::UNLIMITED,
            permissions: Permissions::all(),
            extensions: Extensions::default(),
            grace: GRACE,
            events: Hub::default(),
            #[cfg(feature = "broken")]
            broken: std::collections::BTreeSet::new(),
        }
    }

    /// The run's identity, instead of a random one. A journal that already knows its run keeps that.
    pub fn with_id(mut self, id: RunId) -> Self {
        self.id = Some(id);
        self
    }

    /// Where the run is written down. Without one it remembers its steps in memory, for its retries,
    /// and cannot be resumed.
    pub fn with_journal(mut self, journal: impl Journal) -> Self {
        self.journal = Some(Arc::new(journal));
        self
    }

    /// Who is asked about reversible and irreversible steps in doubt. By default all are parked.
    pub fn with_reconciler(mut self, reconciler: impl Reconciler) -> Self {
        self.reconciler = Arc::new(reconciler);
        self
    }

    /// How long the run may work, over all its processes. Time in which it is paused, suspended or
    /// not running does not count. No limit by default.
    pub fn with_deadline(mut self, working: Duration) -> Self {
        self.deadline = Some(working);
        self
    }

    /// The time of day at which the run ends, whatever it has done. None by default.
    pub fn with_wall_deadline(mut self, at: SystemTime) -> Self {
        self.deadline_wall = Some(at);
        self
    }

    /// What the run may use, over all its processes, as `Budget::UNLIMITED.with_tokens(…)`. No limit by
    /// default.
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// What the run may do. Everything by default.
    pub fn with_permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// A value of the host's own, at most one of each type, that every context carries.
    pub fn with_extension<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.extensions = self.extensions.with(value);
        self
    }

    /// How long what is stopped may take to end before it is aborted; 5 seconds by default.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Who hears every event from the opening on, inside the agent's work; see [`EventSink`] for what
    /// that asks of it. Sinks are called in the order in which they were given; none by default.
    pub fn with_sink(mut self, sink: impl EventSink) -> Self {
        self.events.add_sink(Arc::new(sink));
        self
    }

    /// The events of the run that will be opened, from its opening on; see [`Events`]. The stream
    /// ends where the run is never opened, too.
    pub fn events(&self) -> Events {
        self.events.listen()
    }

    /// Breaks a rule on purpose.
    #[cfg(feature = "broken")]
    #[doc(hidden)]
    pub fn breaking(mut self, rule: Rule) -> Self {
        self.broken.insert(rule);
        self
    }

    /// Opens the run: reads its journal, or begins it.
    ///
    /// # Errors
    /// `Parked` where the journal cannot be read or take its first record.
    ///
    /// # Cancel safety
    /// Dropped, the journal may hold its first record; opening it again goes on.
    pub async fn open(self) -> Result<Run, AgentError> {
        let root = Key::new("");
        let failed = |source| AgentError::Journal { key: root.clone(), source };
        let records = match &self.journal {
            Some(journal) => journal.load().await.map_err(failed)?,
            None => Vec::new(),
        };
        let loaded = records.len() as u64;
        let mut history = History::load(records).map_err(failed)?;
        history.replaces_deliveries = self.breaks(Rule::FirstDeliveryWins);
        let begun = history.started().cloned();
        let (id, name) = begun
            .clone()
            .unwrap_or_else(|| (self.id.clone().unwrap_or_else(RunId::random), self.name.clone()));
        let (held, _) = history.held_and_counted(&root);
        let worked =
            if self.breaks(Rule::WorkedTimeCounts) { Duration::ZERO } else { history.worked() };
        let run = Arc::new(RunState {
            id: id.clone(),
            name: name.clone(),
            journal: self.journal,
            reconciler: self.reconciler,
            clock: WorkClock::start(worked),
            shields: Shields::default(),
            counters: Apart::default(),
            delivered: Notify::new(),
            hashes: history.hashes().clone(),
            history: Apart(Mutex::new(history)),
            events: self.events,
            stopped: OnceLock::new(),
            decided: AtomicBool::new(loaded > 0),
            calls: Mutex::default(),
            #[cfg(feature = "broken")]
            broken: self.broken,
        });
        if begun.is_none() {
            run.record(&root, Fact::Started { run: id, name: name.clone() }).await?;
        }
        run.emit(|| root, || EventKind::Opened { name, records: loaded });
        let left = |at: SystemTime| at.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        let env = Env {
            room: Room::default(),
            run,
            live: std::sync::Weak::new(),
            token: Arc::new(CancellationToken::new()),
            stop: Arc::new(Stop::default()),
            deadline: self.deadline,
            deadline_wall: self.deadline_wall.map(|at| after(left(at))),
            lease: Lease::root(self.budget, held),
            permissions: self.permissions,
            extensions: self.extensions,
        };
        Ok(Run { root: Mutex::new(Root::new(&env)), env, grace: self.grace })
    }

    #[cfg(feature = "broken")]
    fn breaks(&self, rule: Rule) -> bool {
        self.broken.contains(&rule)
    }

    #[cfg(not(feature = "broken"))]
    #[expect(clippy::unused_self, reason = "the same signature as with the feature")]
    const fn breaks(&self, _: Rule) -> bool {
        false
    }
}
