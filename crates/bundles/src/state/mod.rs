//! What the actions of a session come to.

use std::collections::{BTreeMap, BTreeSet};

use maniple_core::{Fact, Payload, Record, RunId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::action::{Action, Entry, MergedValue, TaskStatus};

/// What the actions of a session have come to: they are folded one after another, and nothing else
/// makes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    values: BTreeMap<String, Value>,
    tasks: BTreeMap<String, Task>,
    checkpoints: BTreeMap<String, u64>,
    tags: BTreeSet<String>,
    expires_ms: Option<u64>,
    result: Option<Payload>,
    updated_ms: Option<u64>,
    journal_records: u64,
    run: Option<RunState>,
}

/// The run whose journal a session is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RunState {
    /// Its identity.
    pub id: RunId,
    /// Whether it has returned; one that waits, or was cut short, has not.
    pub finished: bool,
}

/// What a record is to the state of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunChange {
    Started(RunId),
    Finished,
    /// It only counts.
    Other,
}

impl From<&Record> for RunChange {
    fn from(record: &Record) -> Self {
        match &record.fact {
            Fact::Started { run, .. } => Self::Started(run.clone()),
            Fact::Finished { .. } => Self::Finished,
            _ => Self::Other,
        }
    }
}

/// A value of the host's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Value {
    /// The value.
    pub value: Payload,
    /// The number of the action that set it.
    pub seq: u64,
    /// When that was: milliseconds since the Unix epoch.
    pub time_ms: u64,
}

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Task {
    /// How it stands.
    pub status: TaskStatus,
    /// What is to be known about it, or nothing.
    pub detail: String,
}

impl State {
    /// Folds one more action in.
    pub(crate) fn apply(&mut self, entry: Entry) {
        let Entry { seq, time_ms, action } = entry;
        self.touch(time_ms);
        match action {
            Action::Journal(record) => self.apply_record(time_ms, RunChange::from(&record)),
            Action::Set { key, value } => {
                self.values.insert(key, Value { value, seq, time_ms });
            }
            Action::Unset { key } => {
                self.values.remove(&key);
            }
            Action::Merged { values, .. } => {
                for MergedValue { key, value, .. } in values {
                    match value {
                        Some(value) => {
                            self.values.insert(key, Value { value, seq, time_ms });
                        }
                        None => {
                            self.values.remove(&key);
                        }
                    }
                }
            }
            Action::Task { name, status, detail } => {
                self.tasks.insert(name, Task { status, detail });
            }
            Action::Checkpoint { name } => {
                self.checkpoints.insert(name, seq);
            }
            Action::Tagged { add, remove } => {
                self.tags.retain(|tag| !remove.contains(tag));
                self.tags.extend(add);
            }
            Action::Expires { at_ms } => self.expires_ms = at_ms,
            Action::Result { value } => self.result = Some(value),
            Action::Note { .. }
            | Action::ToolCall { .. }
            | Action::Delegated { .. }
            | Action::HandedOff(_)
            | Action::Error { .. }
            | Action::Closed => {}
        }
    }

    /// Something happened that changes nothing else.
    pub(crate) fn touch(&mut self, time_ms: u64) {
        self.updated_ms = Some(time_ms);
    }

    /// Folds one more record of a run in.
    pub(crate) fn apply_record(&mut self, time_ms: u64, change: RunChange) {
        self.touch(time_ms);
        self.journal_records += 1;
        match change {
            RunChange::Started(id) => self.run = Some(RunState { id, finished: false }),
            RunChange::Finished => self.run.iter_mut().for_each(|run| run.finished = true),
            RunChange::Other => {}
        }
    }

    /// The host's value of that key, read as a `T`; `None` if it was not set, or removed.
    ///
    /// # Errors
    /// When the value is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, maniple_core::Source> {
        self.values.get(key).map(|value| value.value.decode()).transpose()
    }

    /// The host's values, by key.
    pub fn values(&self) -> &BTreeMap<String, Value> {
        &self.values
    }

    /// The pieces of work, by name.
    pub fn tasks(&self) -> &BTreeMap<String, Task> {
        &self.tasks
    }

    /// The pieces of work that are to be done.
    pub fn open_tasks(&self) -> impl Iterator<Item = (&str, &Task)> {
        let open = self.tasks.iter().filter(|(_, task)| task.status == TaskStatus::Open);
        open.map(|(name, task)| (name.as_str(), task))
    }

    /// The numbers of the actions that named a place in the log, by name.
    pub fn checkpoints(&self) -> &BTreeMap<String, u64> {
        &self.checkpoints
    }

    /// The session's tags.
    pub fn tags(&self) -> &BTreeSet<String> {
        &self.tags
    }

    /// When the session may be deleted, in milliseconds since the Unix epoch; `None` is never.
    pub fn expires_ms(&self) -> Option<u64> {
        self.expires_ms
    }

    /// What the session came to, if that was said.
    pub fn result(&self) -> Option<&Payload> {
        self.result.as_ref()
    }

    /// When the last action was accepted: milliseconds since the Unix epoch. `None` without one.
    pub fn updated_ms(&self) -> Option<u64> {
        self.updated_ms
    }

    /// The run whose journal the session is, if it has begun.
    pub fn run(&self) -> Option<&RunState> {
        self.run.as_ref()
    }

    /// How many records of runs the session has.
    pub fn journal_records(&self) -> u64 {
        self.journal_records
    }
}
