use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{MAX_ACTION_BYTES, SCHEMA};
use crate::action::{Action, Entry};
use crate::error::BundleError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    seq: u64,
    time: u64,
    schema: u32,
    action: Action,
}

/// Why an intact body cannot be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    Newer(u32),
    UnknownAction(String),
    Unintelligible(serde_json::Error),
}

/// An action as it stands in a line.
///
/// A line end can stand in a payload, between its tokens. It means the same as a space there, and
/// would break the line.
pub(crate) fn encode_action(action: &Action) -> Result<Vec<u8>, BundleError> {
    encode_within(MAX_ACTION_BYTES, action)
}

pub(super) fn encode_within(limit: usize, action: &Action) -> Result<Vec<u8>, BundleError> {
    let mut json = serde_json::to_vec(action)
        .map_err(|error| BundleError::Encode { source: Arc::new(error) })?;
    if json.len() > limit {
        return Err(BundleError::TooLong { bytes: json.len(), limit });
    }
    if json.contains(&b'\n') {
        json.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    }
    Ok(json)
}

/// Writes the body of a line around an encoded action.
pub(crate) fn write_body(out: &mut Vec<u8>, seq: u64, time_ms: u64, action: &[u8]) {
    write!(out, r#"{{"seq":{seq},"time":{time_ms},"schema":{SCHEMA},"action":"#)
        .expect("writing to a Vec cannot fail");
    out.extend_from_slice(action);
    out.push(b'}');
}

/// Reads the body of a line whose hash is right.
pub(crate) fn read_body(body: &[u8]) -> Result<Entry, Unreadable> {
    match serde_json::from_slice::<Body>(body) {
        Ok(Body { schema, .. }) if schema > SCHEMA => Err(Unreadable::Newer(schema)),
        Ok(Body { seq, time, action, .. }) => Ok(Entry { seq, time_ms: time, action }),
        Err(error) => Err(diagnose(body, error)),
    }
}

/// Finds out whether a newer version wrote what could not be read.
fn diagnose(body: &[u8], error: serde_json::Error) -> Unreadable {
    #[derive(Deserialize)]
    struct Newer {
        schema: u32,
    }
    #[derive(Deserialize)]
    struct Unknown<'a> {
        #[serde(borrow)]
        action: &'a RawValue,
    }
    if let Ok(Newer { schema }) = serde_json::from_slice(body)
        && schema > SCHEMA
    {
        return Unreadable::Newer(schema);
    }
    if let Ok(Unknown { action }) = serde_json::from_slice(body)
        && let Some(kind) = kind_of(action.get())
        && !Action::KINDS.contains(&kind.as_str())
    {
        return Unreadable::UnknownAction(kind);
    }
    Unreadable::Unintelligible(error)
}

fn kind_of(action: &str) -> Option<String> {
    if let Ok(kind) = serde_json::from_str::<String>(action) {
        return Some(kind);
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(action).ok()?;
    match members.len() {
        1 => members.into_keys().next(),
        _ => None,
    }
}
