//! What the program prints.

use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use maniple::bundles::{
    Collected, Compacted, Diff, Entry, Exported, SessionId, SessionView, State, Summary, Tombstone,
    Verified,
};
use serde_json::{Value, json};

use crate::problem::Problem;

/// How much of an action people are shown. Machines are shown all of it.
const SHOWN: usize = 120;

/// For people or for machines.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn sessions(&self, sessions: &[Summary]) -> Result<(), Problem> {
        if self.json {
            return sessions.iter().try_for_each(|session| print(&json(session)));
        }
        line(format_args!(
            "{:<36}  {:<16}  {:>8}  {:<6}  {:<20}  {}",
            "ID", "NAME", "ACTIONS", "STATE", "UPDATED", "TAGS"
        ))?;
        for session in sessions {
            let log = session.log.as_ref();
            let actions = log.map_or("?".into(), |log| log.actions.to_string());
            let state = match log {
                Some(log) if log.closed => "closed",
                Some(_) => "open",
                None => "new",
            };
            let updated = log.and_then(|log| log.updated_ms).unwrap_or(session.created_ms);
            let tags = log.map_or_else(String::new, |log| {
                log.tags.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            });
            line(format_args!(
                "{:<36}  {:<16}  {actions:>8}  {state:<6}  {:<20}  {tags}",
                session.id,
                session.meta.name(),
                time(updated),
            ))?;
        }
        Ok(())
    }

    pub(crate) fn deleted(&self, tombstones: &[Tombstone]) -> Result<(), Problem> {
        tombstones.iter().try_for_each(|tombstone| {
            if self.json {
                return print(&json(tombstone));
            }
            let Tombstone { id, deleted_ms, reason, .. } = tombstone;
            line(format_args!("{id}  deleted {}: {reason}", time(*deleted_ms)))
        })
    }

    pub(crate) fn state(&self, view: &SessionView, state: &State) -> Result<(), Problem> {
        if self.json {
            let (id, meta) = (view.id(), view.meta());
            let parent = view.parent();
            return print(&json!({"id": id, "meta": meta, "parent": parent, "state": state}));
        }
        line(format_args!("{}  {}", view.id(), view.meta().name()))?;
        for (key, value) in view.meta().labels() {
            line(format_args!("  {key}: {value}"))?;
        }
        if let Some(parent) = view.parent() {
            line(format_args!("  forked from {} behind {} actions", parent.from, parent.at))?;
        }
        for (key, value) in state.values() {
            line(format_args!("  {key} = {}", shortened(value.value.as_str())))?;
        }
        for (name, task) in state.open_tasks() {
            line(format_args!("  to do: {name} {}", task.detail))?;
        }
        for (name, seq) in state.checkpoints() {
            line(format_args!("  checkpoint {name} at action {seq}"))?;
        }
        line(format_args!(""))
    }

    pub(crate) fn action(&self, entry: &Entry) -> Result<(), Problem> {
        let Entry { seq, time_ms, action, .. } = entry;
        let action = json(action);
        if self.json {
            return print(&json!({"seq": seq, "time_ms": time_ms, "action": action}));
        }
        line(format_args!("{seq:>8}  {}  {}", time(*time_ms), shortened(&action.to_string())))
    }

    pub(crate) fn verified(&self, id: SessionId, verified: &Verified) -> Result<(), Problem> {
        let Verified { actions, head, blobs, .. } = verified;
        if self.json {
            return print(&json!({"id": id, "actions": actions, "head": head, "blobs": blobs}));
        }
        line(format_args!("{id} is intact: {actions} actions, {blobs} blobs, head {head}"))
    }

    pub(crate) fn id(&self, done: &str, id: SessionId) -> Result<(), Problem> {
        if self.json {
            return print(&json!({done: id}));
        }
        line(format_args!("{done} {id}"))
    }

    pub(crate) fn diff(&self, diff: &Diff) -> Result<(), Problem> {
        if self.json {
            let entries = |entries: &[Entry]| -> Vec<Value> {
                let entry = |entry: &Entry| json!({"seq": entry.seq, "action": entry.action});
                entries.iter().map(entry).collect()
            };
            let values = diff.values.iter().map(|(key, value)| {
                (key.clone(), json!({"left": value.left, "right": value.right}))
            });
            return print(&json!({
                "common": diff.common,
                "left": entries(&diff.left),
                "right": entries(&diff.right),
                "values": values.collect::<serde_json::Map<_, _>>(),
            }));
        }
        line(format_args!("  {} actions in common", diff.common))?;
        for (sign, entries) in [('-', &diff.left), ('+', &diff.right)] {
            for entry in entries {
                let action = json(&entry.action).to_string();
                line(format_args!("{sign} {:>8}  {}", entry.seq, shortened(&action)))?;
            }
        }
        for (key, value) in &diff.values {
            for (sign, value) in [('-', &value.left), ('+', &value.right)] {
                let value = value.as_ref().map_or("(not set)", |value| value.as_str());
                line(format_args!("{sign} {key} = {}", shortened(value)))?;
            }
        }
        Ok(())
    }

    pub(crate) fn exported(&self, file: &Path, exported: &Exported) -> Result<(), Problem> {
        let Exported { actions, blobs, bytes, .. } = exported;
        if self.json {
            return print(&json!({"actions": actions, "blobs": blobs, "bytes": bytes}));
        }
        let file = file.display();
        line(format_args!("{file}: {actions} actions, {blobs} blobs, {bytes} bytes"))
    }

    pub(crate) fn compacted(&self, compacted: Compacted) -> Result<(), Problem> {
        let dropped = compacted.dropped;
        if self.json {
            return print(&json!({"dropped": dropped}));
        }
        line(format_args!("compacted, {dropped} actions dropped"))
    }

    pub(crate) fn collected(&self, collected: &Collected) -> Result<(), Problem> {
        let Collected { expired, bytes, .. } = collected;
        if self.json {
            return print(&json!({"expired": expired, "bytes": bytes}));
        }
        for id in expired {
            line(format_args!("deleted {id}, which had expired"))?;
        }
        line(format_args!("{bytes} bytes removed besides"))
    }
}

fn json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("what was read from JSON has a form in it")
}

fn print(value: &Value) -> Result<(), Problem> {
    line(format_args!("{value}"))
}

fn line(text: std::fmt::Arguments<'_>) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").map_err(|source| Problem::Print { source })
}

/// A time as people write it, in UTC.
fn time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| format!("{ms} ms"), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The beginning of a long text, and how much was left out.
fn shortened(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    match text.len() - shown.len() {
        0 => shown,
        left_out => format!("{shown} … and {left_out} bytes"),
    }
}
