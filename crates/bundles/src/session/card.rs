use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::error::BundleError;
use crate::format::{ChainHead, SCHEMA, read_document, write_document};
use crate::log::Tip;
use crate::state::{RunState, State};
use crate::store::Document;

/// What a list shows of a session, as of when it was last written: with a snapshot, with the tags,
/// when a run begins or ends, and when the session is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    schema: u32,
    pub(crate) actions: u64,
    pub(crate) head: ChainHead,
    pub(crate) updated_ms: Option<u64>,
    pub(crate) closed: bool,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) expires_ms: Option<u64>,
    pub(crate) open_tasks: u64,
    pub(crate) run: Option<RunState>,
}

impl Card {
    pub(crate) fn new(tip: Tip, state: &State, closed: bool) -> Self {
        Self {
            schema: SCHEMA,
            actions: tip.actions,
            head: tip.head,
            updated_ms: state.updated_ms(),
            closed,
            tags: state.tags().clone(),
            expires_ms: state.expires_ms(),
            open_tasks: u64::try_from(state.open_tasks().count()).unwrap_or(u64::MAX),
            run: state.run().cloned(),
        }
    }

    /// Whether lists should show at once what the action changes.
    pub(crate) fn shows(action: &Action) -> bool {
        matches!(action, Action::Tagged { .. } | Action::Expires { .. })
    }

    /// How many actions the log had when it was closed, all of which were durable. One that was not
    /// closed or cannot be read says nothing that the log does not.
    pub(crate) fn closed_at(bytes: &[u8]) -> u64 {
        match read_document::<Self>(Document::Card, bytes, "card".as_ref()) {
            Ok(card) if card.closed => card.actions,
            _ => 0,
        }
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, BundleError> {
        write_document(Document::Card, self)
    }
}
