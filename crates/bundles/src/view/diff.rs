use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use maniple_core::Payload;

use super::SessionView;
use crate::action::Entry;
use crate::error::BundleError;
use crate::log::Log;
use crate::session::{Header, Point, SessionId};
use crate::state::Value;

/// What two sessions have in common, and what each has for itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Diff {
    /// How many actions they share: all before the place at which one was forked from the other, or
    /// both from a third.
    pub common: u64,
    /// The actions that only the first has.
    pub left: Vec<Entry>,
    /// The actions that only the second has.
    pub right: Vec<Entry>,
    /// The host's values that differ in the end, by key.
    pub values: BTreeMap<String, Difference>,
}

/// A value of the host's that differs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// What it is in the first; `None` if it is not set.
    pub left: Option<Payload>,
    /// What it is in the second.
    pub right: Option<Payload>,
}

pub(super) fn diff(left: &SessionView, right: &SessionView) -> Result<Diff, BundleError> {
    let (first, second) = (left.folded(&Point::End)?, right.folded(&Point::End)?);
    let common = left.with(|left, _| right.with(|right, _| common(left, right)))?;
    let (first, second) = (first.state.values(), second.state.values());
    let keys: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let values = keys.into_iter().filter_map(|key| {
        let value =
            |values: &BTreeMap<String, Value>| values.get(key).map(|value| value.value.clone());
        let (left, right) = (value(first), value(second));
        (left != right).then(|| (key.clone(), Difference { left, right }))
    });
    let values = values.collect();
    Ok(Diff { common, left: since(left, common)?, right: since(right, common)?, values })
}

/// The actions that a session has from there on.
pub(super) fn since(view: &SessionView, from: u64) -> Result<Vec<Entry>, BundleError> {
    view.with(|log, _| {
        let mut entries = Vec::new();
        log.entries(from, &mut |entry| {
            entries.push(entry);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(entries)
    })
}

/// How many actions two sessions have in common.
pub(crate) fn common(left: &Log<'_>, right: &Log<'_>) -> Result<u64, BundleError> {
    let most = common_at_most(left.header(), right.header());
    // A session can be in two stores and go on in both, so what counts is what the logs say.
    let (left, right) = (left.heads(most)?, right.heads(most)?);
    let both = left.iter().rev().find(|(actions, head)| right.get(actions) == Some(head));
    Ok(both.map_or(0, |(actions, _)| *actions))
}

/// How many actions two sessions can have in common: those that lie in the logs of the same
/// sessions.
fn common_at_most(left: &Header, right: &Header) -> u64 {
    /// The sessions in whose logs the actions lie, each with where that ends.
    fn parts(header: &Header) -> Vec<(SessionId, u64)> {
        let shared = header.lineage.iter().map(|forked| (forked.from, forked.at));
        shared.chain([(header.id, u64::MAX)]).collect()
    }
    let mut common = 0;
    for ((left, left_end), (right, right_end)) in parts(left).into_iter().zip(parts(right)) {
        if left != right {
            break;
        }
        common = left_end.min(right_end);
        if left_end != right_end {
            break;
        }
    }
    common
}
