use maniple_core::Record;
use serde::{Deserialize, Serialize};

/// One thing that happened in a session.
///
/// It is written as JSON named after the variant: `{"note":{"text":"…"}}`. A kind that this version
/// does not know is refused by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// A record of a run that uses the session as its journal.
    Journal(Record),
    /// Something that a person or an agent wants to be remembered.
    Note {
        /// What is to be remembered.
        text: String,
    },
    /// The writer closed the session in good order. [`close`](crate::ContextBundle::close) writes
    /// it; work may go on after it.
    Closed,
}

impl Action {
    /// The names under which the variants are written.
    pub(crate) const KINDS: [&str; 3] = ["journal", "note", "closed"];
}

impl From<Record> for Action {
    fn from(record: Record) -> Self {
        Self::Journal(record)
    }
}

/// An [`Action`] with its place in the log.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The action's place, counted from 0 without gaps.
    pub seq: u64,
    /// When it was accepted: milliseconds since the Unix epoch, by the clock of the machine that
    /// wrote it. It may step back; only `seq` orders.
    pub time_ms: u64,
    /// What happened.
    pub action: Action,
}
