use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, LazyLock};

use memchr::memchr;
use memchr::memmem::{self, Finder};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{BlobId, ChainHead, MAX_ACTION_BYTES, SCHEMA};
use crate::action::{Action, Entry};
use crate::error::BundleError;
use crate::split::{join, split};
use crate::state::State;

/// An action as it stands in a line, and the parts of it that do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    text: Vec<u8>,
    parts: Vec<(u64, BlobId)>,
    pub(crate) blobs: Vec<(BlobId, Vec<u8>)>,
}

/// What a line says.
#[derive(Debug)]
pub(crate) enum Record<'a> {
    Action(Unread<'a>),
    Gap(Gap),
}

/// An action whose kind and content have not been looked at.
#[derive(Debug)]
pub(crate) struct Unread<'a> {
    pub(crate) seq: u64,
    pub(crate) time_ms: u64,
    parts: Vec<(u64, BlobId)>,
    action: &'a RawValue,
}

/// What an action is to the state of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// It is one more record of a run.
    Record,
    /// It happened, and no more.
    None,
    /// It has to be read.
    Unknown,
}

/// What stands for actions that were dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gap {
    /// The first action that was dropped. The line has the number of the last.
    pub(crate) first: u64,
    /// The hash that the line of the last had.
    pub(crate) head: ChainHead,
    /// What everything up to the last has come to, where nothing before needs to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<Box<State>>,
}

/// Why an intact body cannot be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    Newer(u32),
    UnknownAction(String),
    Unintelligible(serde_json::Error),
    /// Its parts do not fit into it.
    Parts,
    /// Reading a blob failed.
    Failed(BundleError),
}

/// An action as JSON.
pub(crate) fn to_json(action: &Action) -> Result<Vec<u8>, BundleError> {
    serde_json::to_vec(action).map_err(|error| BundleError::Encode { source: Arc::new(error) })
}

/// An action as it is to be written.
#[cfg(any(test, feature = "testkit"))]
pub(crate) fn encode_action(action: &Action) -> Result<Encoded, BundleError> {
    encode_json(to_json(action)?)
}

/// The same, from its JSON.
pub(crate) fn encode_json(json: Vec<u8>) -> Result<Encoded, BundleError> {
    encode_within(MAX_ACTION_BYTES, json)
}

pub(super) fn encode_within(limit: usize, json: Vec<u8>) -> Result<Encoded, BundleError> {
    if json.len() > limit {
        return Err(BundleError::TooLong { bytes: json.len(), limit });
    }
    let split = split(json);
    let mut encoded = Encoded { text: split.text, parts: Vec::new(), blobs: Vec::new() };
    for part in split.parts {
        let id = BlobId::of(&part.bytes);
        encoded.parts.push((u64::try_from(part.at).unwrap_or(u64::MAX), id));
        encoded.blobs.push((id, part.bytes));
    }
    Ok(encoded)
}

/// Writes the body of a line around an encoded action.
pub(crate) fn write_body(out: &mut Vec<u8>, seq: u64, time_ms: u64, synced: u64, action: &Encoded) {
    write!(out, r#"{{"seq":{seq},"time":{time_ms},"schema":{SCHEMA},"synced":{synced},"#)
        .expect("writing to a Vec cannot fail");
    if !action.parts.is_empty() {
        out.extend_from_slice(br#""parts":"#);
        serde_json::to_writer(&mut *out, &action.parts).expect("numbers and texts have a form");
        out.push(b',');
    }
    out.extend_from_slice(br#""action":"#);
    out.extend_from_slice(&action.text);
    out.push(b'}');
}

/// Writes the body of a gap whose last action is `seq`.
pub(crate) fn write_gap(out: &mut Vec<u8>, seq: u64, gap: &Gap) -> Result<(), BundleError> {
    write!(out, r#"{{"seq":{seq},"gap":"#).expect("writing to a Vec cannot fail");
    serde_json::to_writer(&mut *out, gap)
        .map_err(|error| BundleError::Encode { source: Arc::new(error) })?;
    out.push(b'}');
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionBody<'a> {
    seq: u64,
    time: u64,
    schema: u32,
    /// Of interest only where lines behind this one are damaged; schema 0 has none.
    #[serde(default, rename = "synced")]
    _synced: u64,
    #[serde(default)]
    parts: Vec<(u64, BlobId)>,
    #[serde(borrow)]
    action: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GapBody {
    seq: u64,
    gap: Gap,
}

/// Reads the body of a line whose hash is right: its number, and what it says.
pub(crate) fn read_record(body: &[u8]) -> Result<(u64, Record<'_>), Unreadable> {
    let error = match serde_json::from_slice(body) {
        Ok(ActionBody { schema, .. }) if schema > SCHEMA => return Err(Unreadable::Newer(schema)),
        Ok(ActionBody { seq, time, parts, action, .. }) => {
            return Ok((seq, Record::Action(Unread { seq, time_ms: time, parts, action })));
        }
        Err(error) => error,
    };
    if let Ok(GapBody { seq, gap }) = serde_json::from_slice(body) {
        return Ok((seq, Record::Gap(gap)));
    }
    Err(newer(body).map_or(Unreadable::Unintelligible(error), Unreadable::Newer))
}

/// Whether a body plainly has an action of a kind that this version knows. It is not parsed for it.
pub(crate) fn has_known_action(body: &[u8]) -> bool {
    const NAME: &str = r#""action":"#;
    static ACTION: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(NAME));
    // Before it are numbers and hashes, so that nothing else reads like it.
    let kind = ACTION.find(body).and_then(|at| {
        let action = &body[at + NAME.len()..];
        let kind = action.strip_prefix(br#"{""#).or_else(|| action.strip_prefix(br#"""#))?;
        kind.get(..memchr(b'"', kind)?)
    });
    kind.and_then(|kind| str::from_utf8(kind).ok()).is_some_and(is_known)
}

/// The schema of a body that this version does not understand, if it is a newer one.
fn newer(body: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Newer {
        schema: u32,
    }
    let Newer { schema } = serde_json::from_slice(body).ok()?;
    (schema > SCHEMA).then_some(schema)
}

impl Unread<'_> {
    /// Whether it is a record of a run, which is nothing to the state of the session.
    pub(crate) fn is_journal(&self) -> bool {
        self.action.get().starts_with(r#"{"journal":"#)
    }

    /// What it is to the state of its session, as far as that can be told without reading it.
    pub(crate) fn weight(&self) -> Weight {
        let text = self.action.get();
        if self.is_journal() {
            let says = |fact: &str| memmem::find(text.as_bytes(), fact.as_bytes()).is_some();
            let may_be = says(r#""fact":{"started":"#) || says(r#""fact":{"finished":"#);
            return if may_be { Weight::Unknown } else { Weight::Record };
        }
        let kind = text.strip_prefix(r#"{""#).and_then(|rest| rest.split_once('"'));
        match kind {
            Some((kind, _)) if Action::WEIGHTLESS.contains(&kind) => Weight::None,
            _ => Weight::Unknown,
        }
    }

    /// Refuses an action of a kind that this version does not know.
    pub(crate) fn require_known(&self) -> Result<(), Unreadable> {
        match kind_of(self.action.get().as_bytes()) {
            Some(kind) if !is_known(&kind) => Err(Unreadable::UnknownAction(kind)),
            _ => Ok(()),
        }
    }

    /// The blobs that have parts of it.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = BlobId> {
        self.parts.iter().map(|(_, blob)| *blob)
    }

    /// Reads it. `blob` gives what a blob says.
    pub(crate) fn read(
        &self,
        blob: impl FnMut(BlobId) -> Result<Vec<u8>, BundleError>,
    ) -> Result<Entry, Unreadable> {
        let action = if self.parts.is_empty() {
            parse(self.action.get().as_bytes())
        } else {
            parse(&self.text(blob)?)
        }?;
        Ok(Entry { seq: self.seq, time_ms: self.time_ms, action })
    }

    /// The whole text of the action.
    fn text(
        &self,
        mut blob: impl FnMut(BlobId) -> Result<Vec<u8>, BundleError>,
    ) -> Result<Vec<u8>, Unreadable> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for &(at, id) in &self.parts {
            let content = blob(id).map_err(Unreadable::Failed)?;
            parts.push((usize::try_from(at).unwrap_or(usize::MAX), content));
        }
        join(self.action.get().as_bytes(), parts).ok_or(Unreadable::Parts)
    }
}

fn parse(action: &[u8]) -> Result<Action, Unreadable> {
    serde_json::from_slice(action).map_err(|error| match kind_of(action) {
        Some(kind) if !is_known(&kind) => Unreadable::UnknownAction(kind),
        _ => Unreadable::Unintelligible(error),
    })
}

fn is_known(kind: &str) -> bool {
    Action::KINDS.contains(&kind)
}

/// The name under which an action is written.
fn kind_of(action: &[u8]) -> Option<String> {
    if let Ok(kind) = serde_json::from_slice::<String>(action) {
        return Some(kind);
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(action).ok()?;
    match members.len() {
        1 => members.into_keys().next(),
        _ => None,
    }
}
