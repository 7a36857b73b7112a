use std::collections::BTreeSet;

use maniple_core::{Outcome, Payload, Record};
use serde::{Deserialize, Serialize};

use crate::format::ChainHead;
use crate::handoff::HandoffDocument;
use crate::session::SessionId;

/// One thing that happened in a session.
///
/// It is written as JSON named after the variant: `{"note":{"text":"…"}}`. A kind that this version
/// does not know is refused by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// A record of a run that uses the session as its journal: its steps, decisions, signals and
    /// what was spent.
    Journal(Record),
    /// Something that a person or an agent wants to be remembered.
    Note {
        /// What is to be remembered.
        text: String,
    },
    /// A value of the host's was set. The last one counts; the earlier ones stay in the log.
    Set {
        /// Its key.
        key: String,
        /// The value.
        value: Payload,
    },
    /// A value of the host's was removed.
    Unset {
        /// Its key.
        key: String,
    },
    /// A piece of work was taken up, or went on.
    Task {
        /// Which; the last thing said of it counts.
        name: String,
        /// How it stands.
        status: TaskStatus,
        /// What is to be known about it, or nothing.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    /// A tool was called outside of a run. In a run its steps say so.
    ToolCall {
        /// Which tool.
        tool: String,
        /// What it was called with.
        arguments: Payload,
        /// What it answered.
        outcome: Outcome,
    },
    /// A place in the log got a name, to go back to. The last of a name counts.
    Checkpoint {
        /// The name.
        name: String,
    },
    /// Tags were put on the session, or taken off.
    Tagged {
        /// Those put on.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        add: BTreeSet<String>,
        /// Those taken off, before.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        remove: BTreeSet<String>,
    },
    /// It was decided when the session may be deleted.
    Expires {
        /// Milliseconds since the Unix epoch; `None` is never, as without this action.
        at_ms: Option<u64>,
    },
    /// A piece of work was given to another session.
    Delegated {
        /// What is to be done there.
        task: String,
        /// The session that does it.
        session: SessionId,
    },
    /// The session was handed over.
    HandedOff(Box<HandoffDocument>),
    /// What a fork had made of the host's values was brought back.
    Merged {
        /// The fork.
        from: SessionId,
        /// How many actions it had.
        actions: u64,
        /// The hash of the last of those.
        head: ChainHead,
        /// The values that changed by it.
        values: Vec<MergedValue>,
    },
    /// What the session came to. The last one counts.
    Result {
        /// The result.
        value: Payload,
    },
    /// Something failed.
    Error {
        /// What, for people.
        text: String,
    },
    /// The writer closed the session in good order. Only logs of schema 0 say so; later ones are
    /// sealed.
    Closed,
}

impl Action {
    /// The names under which the variants are written.
    pub(crate) const KINDS: [&str; 15] = [
        "journal",
        "note",
        "set",
        "unset",
        "task",
        "tool_call",
        "checkpoint",
        "tagged",
        "expires",
        "delegated",
        "handed_off",
        "merged",
        "result",
        "error",
        "closed",
    ];
}

impl Action {
    /// Those that change nothing about the state of a session.
    pub(crate) const WEIGHTLESS: [&str; 5] =
        ["note", "tool_call", "delegated", "handed_off", "error"];
}

impl From<Record> for Action {
    fn from(record: Record) -> Self {
        Self::Journal(record)
    }
}

/// A value that a merge changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergedValue {
    /// Its key.
    pub key: String,
    /// What it is now; `None` is removed.
    pub value: Option<Payload>,
    /// Both had changed it, and the policy decided.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_conflict: bool,
}

/// How a piece of work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// It is to be done.
    Open,
    /// It is done.
    Done,
    /// It was tried, and will not be done.
    Failed,
    /// It is not wanted any more.
    Dropped,
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
