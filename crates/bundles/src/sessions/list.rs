use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::BundleError;
use crate::format::{ChainHead, SCHEMA, read_document, write_document};
use crate::session::{Card, Forked, Header, Meta, SessionId};
use crate::state::RunState;
use crate::store::{Document, Listed};

/// What a list says of a session. No log is opened for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Its identity.
    pub id: SessionId,
    /// What the host said about it when it created it.
    pub meta: Meta,
    /// When it was created: milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// The session that it was forked from, if it was.
    pub parent: Option<Forked>,
    /// What its log had come to when it was last looked at; `None` if that has not been yet.
    pub log: Option<LogSummary>,
}

/// What a log had come to when its writer last wrote that down: with a snapshot, with its tags,
/// when a run began or ended, and when it was closed. The log itself may have gone on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LogSummary {
    /// How many actions it had.
    pub actions: u64,
    /// The hash of the last of them.
    pub head: ChainHead,
    /// When the last one was accepted: milliseconds since the Unix epoch. `None` without one.
    pub updated_ms: Option<u64>,
    /// Whether it was closed then.
    pub closed: bool,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// When it may be deleted, in milliseconds since the Unix epoch; `None` is never.
    pub expires_ms: Option<u64>,
    /// How many pieces of work were open.
    pub open_tasks: u64,
    /// The run whose journal it is, if it had begun.
    pub run: Option<RunState>,
}

/// That a session was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Tombstone {
    schema: u32,
    /// The session.
    pub id: SessionId,
    /// When it was deleted: milliseconds since the Unix epoch.
    pub deleted_ms: u64,
    /// Why.
    pub reason: String,
}

/// Which sessions a list is to show. Without more it shows all.
///
/// ```
/// use maniple_bundles::Filter;
/// let triages = Filter::all().named("triage").tagged("urgent");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Filter {
    name: Option<String>,
    labels: BTreeMap<String, String>,
    tags: BTreeSet<String>,
    parent: Option<SessionId>,
    created_from_ms: Option<u64>,
    created_before_ms: Option<u64>,
}

impl Filter {
    /// All sessions.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only those of this name.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only those that have this label. Of more than one, they have all.
    pub fn labelled(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Only those that have this tag. Of more than one, they have all.
    pub fn tagged(mut self, tag: impl Into<String>) -> Self {
        self.tags.insert(tag.into());
        self
    }

    /// Only those that were forked from this one.
    pub fn forked_from(mut self, parent: SessionId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Only those created at this time or later: milliseconds since the Unix epoch.
    pub fn created_from(mut self, ms: u64) -> Self {
        self.created_from_ms = Some(ms);
        self
    }

    /// Only those created before this time: milliseconds since the Unix epoch.
    pub fn created_before(mut self, ms: u64) -> Self {
        self.created_before_ms = Some(ms);
        self
    }

    /// Whether a list with this filter shows the session.
    pub fn shows(&self, summary: &Summary) -> bool {
        let Self { name, labels, tags, parent, created_from_ms, created_before_ms } = self;
        let meta = &summary.meta;
        let is_tagged =
            |tag| summary.log.as_ref().is_some_and(|log| log.tags.contains::<String>(tag));
        name.as_ref().is_none_or(|name| meta.name() == name)
            && labels.iter().all(|(key, value)| meta.label(key) == Some(value))
            && tags.iter().all(is_tagged)
            && parent.is_none_or(|id| summary.parent.is_some_and(|parent| parent.from == id))
            && created_from_ms.is_none_or(|ms| summary.created_ms >= ms)
            && created_before_ms.is_none_or(|ms| summary.created_ms < ms)
    }
}

impl Summary {
    /// Reads what a store says of a session; `None` if it is deleted.
    pub(super) fn read(listed: &Listed) -> Result<Option<Self>, BundleError> {
        let Some(header) = &listed.header else { return Ok(None) };
        let name = listed.id.to_string();
        let dir: &Path = name.as_ref();
        let header = Header::from_bytes(header, &dir.join("bundle.json"))?;
        // It is written again, and says nothing that the log does not.
        let card = listed.card.as_ref().and_then(|card| {
            read_document::<Card>(Document::Card, card, &dir.join("card.json")).ok()
        });
        let parent = header.parent().copied();
        let Header { id, created_ms, meta, .. } = header;
        Ok(Some(Self { id, meta, created_ms, parent, log: card.map(LogSummary::from) }))
    }
}

impl From<Card> for LogSummary {
    fn from(card: Card) -> Self {
        let Card { actions, head, updated_ms, closed, tags, expires_ms, open_tasks, run, .. } =
            card;
        Self { actions, head, updated_ms, closed, tags, expires_ms, open_tasks, run }
    }
}

impl Tombstone {
    pub(super) fn new(id: SessionId, deleted_ms: u64, reason: String) -> Self {
        Self { schema: SCHEMA, id, deleted_ms, reason }
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, BundleError> {
        write_document(Document::Tombstone, self)
    }

    /// Reads what a store says of a session; `None` if it is not deleted.
    pub(super) fn read(listed: &Listed) -> Result<Option<Self>, BundleError> {
        let Some(tombstone) = &listed.tombstone else { return Ok(None) };
        let path = Path::new(&listed.id.to_string()).join("deleted.json");
        read_document(Document::Tombstone, tombstone, &path).map(Some)
    }
}
