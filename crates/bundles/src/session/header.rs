use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Meta, SessionId};
use crate::error::BundleError;
use crate::format::{ChainHead, SCHEMA, read_any_schema, read_document, write_document};
use crate::store::Document;

/// The longest header, in bytes: lists read those of all sessions.
const MAX_HEADER_BYTES: usize = 1024 * 1024;

/// What a session is; it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    schema: u32,
    pub(crate) id: SessionId,
    /// Milliseconds since the Unix epoch.
    #[serde(rename = "created")]
    pub(crate) created_ms: u64,
    pub(crate) meta: Meta,
    /// The sessions that this one's log begins with, the oldest first, each up to where the next
    /// forked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lineage: Vec<Forked>,
    /// The schema of the log that the oldest of them has, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root_schema: Option<u32>,
    /// Whether its log has the actions of those too, because it was brought here without them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    standalone: bool,
    /// Whose logs have the actions before its own, where those are not the sessions of the lineage,
    /// because one that stands alone was forked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kept_in: Vec<Forked>,
}

/// A place at which a session was forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Forked {
    /// The session that was forked.
    pub from: SessionId,
    /// How many actions they share.
    pub at: u64,
    /// The hash of the last of those.
    pub head: ChainHead,
}

/// Where a fork is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fork {
    pub(crate) at: u64,
    pub(crate) head: ChainHead,
}

impl Header {
    pub(crate) fn new(id: SessionId, created_ms: u64, meta: Meta) -> Self {
        Self {
            schema: SCHEMA,
            id,
            created_ms,
            meta,
            lineage: Vec::new(),
            root_schema: None,
            standalone: false,
            kept_in: Vec::new(),
        }
    }

    /// The header of a session that shares the first `at` actions of this one, up to this hash.
    pub(crate) fn fork(&self, fork: &Fork, id: SessionId, created_ms: u64, meta: Meta) -> Self {
        let lineage = self.forked(&self.lineage, fork);
        let mut kept_in = self.forked(self.ancestors(), fork);
        if kept_in == lineage {
            kept_in.clear();
        }
        let (root_schema, standalone) = (Some(self.root_schema()), false);
        Self { schema: SCHEMA, id, created_ms, meta, lineage, root_schema, standalone, kept_in }
    }

    /// What a fork has before its own actions, where this session has these before its own.
    fn forked(&self, before: &[Forked], fork: &Fork) -> Vec<Forked> {
        let mut before = before.to_vec();
        // What lies before an earlier fork is shared with the session that was forked there.
        let mut from = self.id;
        while let Some(earlier) = before.pop_if(|earlier| earlier.at >= fork.at) {
            from = earlier.from;
        }
        before.push(Forked { from, at: fork.at, head: fork.head });
        before
    }

    /// The session that it was forked from.
    pub(crate) fn parent(&self) -> Option<&Forked> {
        self.lineage.last()
    }

    /// The same session where those that it was forked from are not there.
    pub(crate) fn standing_alone(self) -> Self {
        Self { standalone: !self.lineage.is_empty(), kept_in: Vec::new(), ..self }
    }

    /// Whose logs have the actions before its own, each up to where the next begins.
    pub(crate) fn ancestors(&self) -> &[Forked] {
        match (self.standalone, &self.kept_in[..]) {
            (true, _) => &[],
            (false, []) => &self.lineage,
            (false, kept_in) => kept_in,
        }
    }

    /// The first action that is in its own log.
    pub(crate) fn first_own(&self) -> u64 {
        self.ancestors().last().map_or(0, |parent| parent.at)
    }

    /// The hash of the action before that.
    pub(crate) fn before_own(&self) -> ChainHead {
        self.ancestors().last().map_or_else(|| self.root(), |parent| parent.head)
    }

    /// What stands before the first action.
    pub(crate) fn root(&self) -> ChainHead {
        let first = self.lineage.first().map_or(self.id, |forked| forked.from);
        ChainHead::of_log(self.root_schema(), first)
    }

    fn root_schema(&self) -> u32 {
        self.root_schema.unwrap_or(self.schema)
    }

    /// What stands before action `seq`, where this is the hash of the action before it: the same,
    /// but where a session forked.
    pub(crate) fn before(&self, seq: u64, mut head: ChainHead) -> ChainHead {
        let forks = self.lineage.iter().skip(1).map(|forked| forked.from).chain([self.id]);
        for (forked, fork) in self.lineage.iter().zip(forks) {
            if forked.at == seq {
                head = head.forked_by(fork);
            }
        }
        head
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, BundleError> {
        let bytes = write_document(Document::Header, self)?;
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(BundleError::TooLong { bytes: bytes.len(), limit: MAX_HEADER_BYTES });
        }
        Ok(bytes)
    }

    /// What a session is about by its header, of whatever schema; `None` if that cannot be read.
    pub(crate) fn meta_of(bytes: &[u8]) -> Option<Meta> {
        #[derive(Deserialize)]
        struct About {
            meta: Meta,
        }
        read_any_schema::<About>(Document::Header, bytes).map(|about| about.meta)
    }

    pub(crate) fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, BundleError> {
        read_document(Document::Header, bytes, path)
    }
}
