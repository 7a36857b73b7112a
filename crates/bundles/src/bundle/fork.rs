use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::PoisonError;

use maniple_core::Payload;

use super::{ContextBundle, encode, now_ms};
use crate::action::{Action, Entry, MergedValue};
use crate::error::BundleError;
use crate::log::{Chain, Log, Step, Tip};
use crate::redact::Redactor;
use crate::session::{Fork, Meta, Point, SessionId};
use crate::view::{Folded, SessionView, common, folded};
use crate::writer::{Opening, Worker, open};

/// Which value counts where a session and its fork have both changed one.
#[non_exhaustive]
pub enum MergePolicy {
    /// The one that was set last, by the clocks of the machines that did.
    LastWrite,
    /// The one that the session has.
    Ours,
    /// The one that the fork has.
    Theirs,
    /// What this says; `None` removes the value.
    Custom(Decide),
}

impl std::fmt::Debug for MergePolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::LastWrite => "LastWrite",
            Self::Ours => "Ours",
            Self::Theirs => "Theirs",
            Self::Custom(_) => "Custom",
        })
    }
}

/// What decides about a conflict; its `merged` is not decided yet.
///
/// It runs on the thread that does the session's I/O: it must not wait for this session, and a panic
/// in it ends the bundle, as [`WriterDied`](BundleError::WriterDied) says to whoever asks then.
pub type Decide = Box<dyn FnMut(&Conflict) -> Option<Payload> + Send>;

/// A value that a session and its fork have both changed, and not to the same.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Conflict {
    /// Its key.
    pub key: String,
    /// What the session has; `None` if it removed it.
    pub ours: Option<Payload>,
    /// What the fork has.
    pub theirs: Option<Payload>,
    /// What counts now.
    pub merged: Option<Payload>,
}

/// What a merge did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Merge {
    /// The number of the action that merged.
    pub seq: u64,
    /// How many actions the two have in common.
    pub common: u64,
    /// The values that the session has got, by key; `None` was removed.
    pub values: BTreeMap<String, Option<Payload>>,
    /// The values that both had changed, in the order of their keys.
    pub conflicts: Vec<Conflict>,
}

/// The last thing that was done to a value.
struct Change {
    value: Option<Payload>,
    time_ms: u64,
}

impl ContextBundle {
    /// Makes a session that shares the actions of this one up to a point, and goes on by itself.
    /// Nothing is copied, and this one does not change. As long as the fork exists, what they share
    /// is kept.
    ///
    /// The fork's state is that at the point; a run whose journal it is goes on from there.
    ///
    /// # Errors
    /// [`OutOfRange`](BundleError::OutOfRange), [`NoCheckpoint`](BundleError::NoCheckpoint),
    /// [`Dropped`](BundleError::Dropped), or what the system refused.
    ///
    /// # Cancel safety
    /// If the future is dropped, the fork may have been made; it is not open.
    pub async fn fork(&self, at: impl Into<Point>, meta: Meta) -> Result<Self, BundleError> {
        let at = at.into();
        let meta = meta.redacted(&self.settings.redactor);
        let opening = self
            .with(move |worker| {
                // What is shared must not be lost after the fork has counted on it.
                worker.sync()?;
                let opening = fork_of(&worker.log()?, worker, &at, meta)?;
                // Made here, so that what it shares is not dropped before it is known to share it.
                open(worker.store(), opening).map(|opened| Opening::Opened(Box::new(opened)))
            })
            .await?;
        Self::open(self.store.clone(), opening, self.settings.clone()).await
    }

    /// Brings back what a fork of this session, or of a session that both were forked from, has made
    /// of the host's values: those that it changed since the two parted. All of it is one action, so
    /// it is merged whole or not at all.
    ///
    /// # Errors
    /// [`Unrelated`](BundleError::Unrelated) if they share no action,
    /// [`Dropped`](BundleError::Dropped) if something was dropped that either has done since the two
    /// parted, an error that names what is damaged in either, or those of [`append`](Self::append).
    ///
    /// # Cancel safety
    /// If the future is dropped, it is merged all the same.
    pub async fn merge(
        &self,
        fork: &SessionView,
        policy: MergePolicy,
    ) -> Result<Merge, BundleError> {
        let (fork, redactor) = (fork.clone(), self.settings.redactor.clone());
        self.with(move |worker| merge(worker, &redactor, &fork, policy)).await
    }

    /// The session as one that is read. It can be handed to whoever may read but not write.
    pub fn view(&self) -> SessionView {
        SessionView::new(self.store.clone(), self.header.clone())
    }
}

/// How the fork is opened.
fn fork_of(log: &Log<'_>, worker: &Worker, at: &Point, meta: Meta) -> Result<Opening, BundleError> {
    let (header, tip) = (worker.header(), worker.tip());
    let is_tip = matches!(at, Point::End) || *at == Point::Behind(tip.actions);
    let folded = if is_tip {
        let state = worker.state();
        let state = state.read().unwrap_or_else(PoisonError::into_inner).clone();
        Folded { tip, state }
    } else {
        folded(log, header, worker.reader(), at)?
    };
    let Tip { actions, head } = folded.tip;
    let fork = header.fork(&Fork { at: actions, head }, SessionId::generate(), now_ms(), meta);
    Ok(Opening::Fork(fork, Box::new(folded.state)))
}

fn merge(
    worker: &mut Worker,
    redactor: &Redactor,
    fork: &SessionView,
    mut policy: MergePolicy,
) -> Result<Merge, BundleError> {
    let id = worker.header().id;
    let (common, mut ours, theirs, theirs_tip) = fork.with(|theirs, _| {
        let ours = worker.log()?;
        let common = common(&ours, theirs)?;
        if common == 0 || fork.id() == id {
            return Err(BundleError::Unrelated { id, other: fork.id() });
        }
        let (ours, _) = changes(&ours, common)?;
        let (theirs, tip) = changes(theirs, common)?;
        Ok((common, ours, theirs, tip))
    })?;
    let (mut values, mut conflicts) = (BTreeMap::new(), Vec::new());
    for (key, their) in theirs {
        match ours.remove(&key) {
            Some(our) if our.value == their.value => {}
            Some(our) => {
                let is_newer = their.time_ms > our.time_ms;
                let (ours, theirs) = (our.value, their.value);
                let mut conflict = Conflict { key, ours, theirs, merged: None };
                conflict.merged = match &mut policy {
                    MergePolicy::LastWrite if is_newer => conflict.theirs.clone(),
                    MergePolicy::LastWrite | MergePolicy::Ours => conflict.ours.clone(),
                    MergePolicy::Theirs => conflict.theirs.clone(),
                    MergePolicy::Custom(decide) => decide(&conflict),
                };
                if conflict.merged != conflict.ours {
                    values.insert(conflict.key.clone(), conflict.merged.clone());
                }
                conflicts.push(conflict);
            }
            None => {
                values.insert(key, their.value);
            }
        }
    }
    let merged = values.iter().map(|(key, value)| MergedValue {
        key: key.clone(),
        value: value.clone(),
        is_conflict: conflicts.iter().any(|conflict| conflict.key == *key),
    });
    let action = Action::Merged {
        from: fork.id(),
        actions: theirs_tip.actions,
        head: theirs_tip.head,
        values: merged.collect(),
    };
    let (action, encoded) = encode(redactor, action)?;
    if let Action::Merged { values: written, .. } = &action {
        // A policy may have made a value that is not to be written as it is.
        values = written.iter().map(|merged| (merged.key.clone(), merged.value.clone())).collect();
        for conflict in &mut conflicts {
            if let Some(written) = values.get(&conflict.key) {
                conflict.merged.clone_from(written);
            }
        }
    }
    let seq = worker.append_now(action, encoded)?;
    Ok(Merge { seq, common, values, conflicts })
}

/// What was last done to each value from an action on, and where the log ends.
fn changes(log: &Log<'_>, from: u64) -> Result<(BTreeMap<String, Change>, Tip), BundleError> {
    let mut changes = BTreeMap::new();
    let mut chain = Chain::from_the_beginning(log.header());
    log.replay(&mut chain, u64::MAX, &mut |step, line| {
        match step {
            _ if line.seq() < from => {}
            // What was done there is not known, and must not be taken for nothing.
            Step::Gap(_) => {
                return Err(BundleError::Dropped { id: log.header().id, asked: from });
            }
            Step::Action(action) if action.is_journal() => {}
            Step::Action(action) => apply(&mut changes, log.read(&action, line)?),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((changes, Tip { actions: chain.actions(), head: chain.head() }))
}

fn apply(changes: &mut BTreeMap<String, Change>, entry: Entry) {
    let time_ms = entry.time_ms;
    match entry.action {
        Action::Set { key, value } => {
            changes.insert(key, Change { value: Some(value), time_ms });
        }
        Action::Unset { key } => {
            changes.insert(key, Change { value: None, time_ms });
        }
        Action::Merged { values, .. } => {
            for MergedValue { key, value, .. } in values {
                changes.insert(key, Change { value, time_ms });
            }
        }
        _ => {}
    }
}
