use std::convert::Infallible;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Notify;

use super::clock::WorkClock;
use super::shields::Shields;
use super::stats::Counters;
use crate::broken::Rule;
use crate::contain;
use crate::error::{AgentError, Source};
use crate::event::{EventKind, Hub};
use crate::identity::{Digest, IdempotencyKey, Key, RunId};
use crate::journal::{Fact, History, Journal, JournalError, Record, Spot, Standing, Visit};
use crate::policy::Calls;
use crate::step::Reconciler;

/// Resolves when a record is durable.
type Durable = BoxFuture<'static, Result<(), JournalError>>;

/// What all contexts of a run share.
#[derive(Debug)]
pub(crate) struct RunState {
    pub(crate) id: RunId,
    pub(crate) name: Arc<str>,
    pub(crate) journal: Option<Arc<dyn Journal>>,
    pub(crate) reconciler: Arc<dyn Reconciler>,
    pub(crate) clock: WorkClock,
    pub(crate) shields: Shields,
    pub(crate) counters: Apart<Counters>,
    /// Woken at every delivery, for the waits of a run without a journal.
    pub(crate) delivered: Notify,
    /// Those of the history, to hash keys before it is locked.
    pub(crate) hashes: RandomState,
    pub(super) history: Apart<Mutex<History>>,
    pub(super) events: Hub,
    pub(super) stopped: OnceLock<JournalError>,
    /// Whether anything was decided in this run, so that few runs look for decisions.
    pub(super) decided: AtomicBool,
    pub(super) calls: Mutex<Calls>,
    #[cfg(feature = "broken")]
    pub(super) broken: std::collections::BTreeSet<Rule>,
}

/// In cache lines of its own: what every thread writes, away from what every thread reads.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(super) T);

impl<T> std::ops::Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl RunState {
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts a fact at once, behind every fact accepted before; the future waits until it is
    /// durable.
    pub(crate) fn record(
        &self,
        key: &Key,
        fact: Fact,
    ) -> impl Future<Output = Result<(), AgentError>> + Send + use<'_> {
        match self.record_where(key, |_| Ok::<_, Infallible>(fact)) {
            Ok(durable) => durable,
        }
    }

    /// As [`record`](Self::record), with what the history says at that moment.
    pub(crate) fn record_where<E, F>(
        &self,
        key: &Key,
        fact: F,
    ) -> Result<impl Future<Output = Result<(), AgentError>> + Send + use<'_, E, F>, E>
    where
        F: FnOnce(&History) -> Result<Fact, E>,
    {
        self.record_by(key, History::apply, fact)
    }

    /// As [`record_where`](Self::record_where), where the spot of the key is claimed.
    pub(crate) fn record_at<E, F>(
        &self,
        spot: Spot,
        key: &Key,
        fact: F,
    ) -> Result<impl Future<Output = Result<(), AgentError>> + Send + use<'_, E, F>, E>
    where
        F: FnOnce(&History) -> Result<Fact, E>,
    {
        self.record_by(key, move |history, record| history.apply_at(spot, record), fact)
    }

    fn record_by<E, F, A>(
        &self,
        key: &Key,
        apply: A,
        fact: F,
    ) -> Result<impl Future<Output = Result<(), AgentError>> + Send + use<'_, E, F, A>, E>
    where
        F: FnOnce(&History) -> Result<Fact, E>,
        A: FnOnce(&mut History, &Record) -> Result<(), &'static str>,
    {
        let worked = self.clock.worked();
        let key = key.clone();
        // All under one lock, so that the history never knows an order that the journal does not.
        let mut history = self.history();
        let fact = fact(&history)?;
        let accepted = self.accept(&mut history, apply, Record { key: key.clone(), worked, fact });
        drop(history);
        Ok(async move {
            let durable = match accepted {
                Ok(Some(durable)) => durable.await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            durable.map_err(|source| {
                let _ = self.stopped.set(source.clone());
                AgentError::Journal { key, source }
            })
        })
    }

    /// Comes by a branch, and says so to the journal where it begins here, if it may.
    pub(crate) fn enter_branch(
        &self,
        key: &Key,
        digest: Digest,
        worked: Duration,
        may_begin: bool,
    ) -> Visit {
        let entered = Record { key: key.clone(), worked, fact: Fact::Entered { digest } };
        let hash = self.hashes.hash_one(key.as_str());
        let mut history = self.history();
        let visit = history.enter_hashed(hash, key, &digest);
        if may_begin && matches!(visit.standing, Standing::Ready) {
            let at = |history: &mut History, record: &_| history.apply_at(visit.spot, record);
            // Only its place before the receipt matters, so nobody waits for it.
            let accepted = self.accept(&mut history, at, entered);
            drop(history);
            drop(accepted);
        }
        visit
    }

    fn accept(
        &self,
        history: &mut History,
        apply: impl FnOnce(&mut History, &Record) -> Result<(), &'static str>,
        record: Record,
    ) -> Result<Option<Durable>, JournalError> {
        let accepted = match apply(history, &record) {
            Ok(()) => self.append(record),
            Err(found) => Err(JournalError::Inconsistent { seq: history.accepted(), found }),
        };
        if let Err(error) = &accepted {
            let _ = self.stopped.set(error.clone());
        }
        accepted
    }

    /// Hands a record to the journal. One that panics cannot be relied on any more.
    fn append(&self, record: Record) -> Result<Option<Durable>, JournalError> {
        let Some(journal) = &self.journal else { return Ok(None) };
        let appending = AssertUnwindSafe(|| journal.append(record));
        catch_unwind(appending).map(Some).map_err(|panic| {
            let source = Source::new(contain::message(&*panic));
            JournalError::Stopped { source }
        })
    }

    /// Why the journal takes nothing any more, if so.
    pub(crate) fn stopped(&self) -> Option<JournalError> {
        self.stopped.get().cloned()
    }

    /// Whether a policy may have decided something in this run: it looks before it works.
    pub(crate) fn has_decided(&self) -> bool {
        self.decided.load(Ordering::Acquire)
    }

    pub(crate) fn decides(&self) {
        if !self.has_decided() {
            self.decided.store(true, Ordering::Release);
        }
    }

    /// The calls that loop guards have seen.
    pub(crate) fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn idempotency_key(&self, key: &Key, input: &Digest) -> IdempotencyKey {
        IdempotencyKey::new(&self.id, key, input)
    }

    /// Tells of an event, which is not made where nobody listens. Sinks are a host's code: nothing is
    /// locked by whoever calls this.
    pub(crate) fn emit(&self, path: impl FnOnce() -> Key, kind: impl FnOnce() -> EventKind) {
        if self.events.is_heard() {
            self.events.tell(&self.id, path(), kind());
        }
    }

    /// Whether this run was told to break a rule.
    #[cfg(feature = "broken")]
    pub(crate) fn breaks(&self, rule: Rule) -> bool {
        self.broken.contains(&rule)
    }

    #[cfg(not(feature = "broken"))]
    #[expect(clippy::unused_self, reason = "the same signature as with the feature")]
    pub(crate) const fn breaks(&self, _: Rule) -> bool {
        false
    }
}
