//! What is done to sessions.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::select;

/// A session of [`World`](super::reference::World), by its place there.
pub(super) type Which = usize;

/// What is done.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Create,
    /// Appends these, waiting for each or for all together.
    Append(Which, Vec<Did>, bool),
    Sync(Which),
    Snapshot(Which),
    Close(Which),
    Drop(Which),
    Fork(Which, u64),
    Merge {
        into: Which,
        from: Which,
        policy: Policy,
    },
    Compact(Which, bool),
    Delete(Which),
    CollectGarbage,
    /// Exports it, and imports it into the other store.
    Carry(Which),
    /// All processes end in good order, and new ones begin.
    Reopen(Durable),
    /// All processes are killed, and new ones begin.
    Crash(Durable),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durable {
    Synced,
    Grouped,
    Buffered,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    LastWrite,
    Ours,
    Theirs,
    /// Always removes the value.
    Removed,
    /// Always sets it to this.
    Set(u8),
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Did {
    Note(String),
    Set(&'static str, String),
    Unset(&'static str),
    Task(&'static str, bool),
    Checkpoint(&'static str),
    Tagged(BTreeSet<&'static str>, BTreeSet<&'static str>),
    Expires(bool),
    Journal(u8),
    Merged { from: Which, actions: u64, values: Values },
}

/// Values as they are changed; `None` is removed.
pub(super) type Values = BTreeMap<&'static str, Option<String>>;

/// Any of them but a merge.
pub(super) fn did() -> impl Strategy<Value = Did> {
    let key = || select(vec!["a", "b", "c"]);
    let text = || {
        prop_oneof![
            6 => "[a-z\"\\\\\n\u{fc}]{0,12}",
            // These are kept by themselves.
            1 => select(vec!["x", "\u{fc}", "\n"]).prop_map(|text| text.repeat(5000)),
        ]
    };
    let tags = || proptest::collection::btree_set(select(vec!["urgent", "net", "disk"]), 0..3);
    prop_oneof![
        3 => text().prop_map(Did::Note),
        4 => (key(), text()).prop_map(|(key, value)| Did::Set(key, value)),
        2 => key().prop_map(Did::Unset),
        1 => (key(), any::<bool>()).prop_map(|(name, is_done)| Did::Task(name, is_done)),
        1 => key().prop_map(Did::Checkpoint),
        1 => (tags(), tags()).prop_map(|(add, remove)| Did::Tagged(add, remove)),
        1 => any::<bool>().prop_map(Did::Expires),
        2 => any::<u8>().prop_map(Did::Journal),
    ]
}
