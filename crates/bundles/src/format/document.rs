use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{ChainHead, Frame, SCHEMA, write_frame};
use crate::error::{BundleError, Damage};
use crate::store::Document;

/// Writes a document: a value with the member `schema`, which is this one.
pub(crate) fn write_document<T: Serialize>(
    kind: Document,
    value: &T,
) -> Result<Vec<u8>, BundleError> {
    let body = serde_json::to_vec(value)
        .map_err(|error| BundleError::Encode { source: Arc::new(error) })?;
    let mut out = Vec::with_capacity(body.len() + 80);
    write_frame(&mut out, &before(kind), |out| out.extend_from_slice(&body));
    Ok(out)
}

/// Reads a document that was found at `path`.
pub(crate) fn read_document<T: DeserializeOwned>(
    kind: Document,
    bytes: &[u8],
    path: &Path,
) -> Result<T, BundleError> {
    #[derive(Deserialize)]
    struct Newer {
        schema: u32,
    }
    let damaged = |found| BundleError::Damaged { path: path.to_owned(), line: 1, offset: 0, found };
    let frame = bytes.strip_suffix(b"\n").and_then(Frame::read);
    let frame = frame.ok_or_else(|| damaged(Damage::Malformed))?;
    frame.follow(&before(kind)).ok_or_else(|| damaged(Damage::BrokenChain))?;
    if let Ok(Newer { schema: found }) = serde_json::from_slice(frame.body)
        && found > SCHEMA
    {
        let path = path.to_owned();
        return Err(BundleError::NewerSchema { path, line: 1, found, known: SCHEMA });
    }
    serde_json::from_slice(frame.body).map_err(|error| BundleError::Unintelligible {
        path: path.to_owned(),
        line: 1,
        source: Arc::new(error),
    })
}

/// Reads of an intact document of whatever schema what `T` says; `None` if it does not say that.
pub(crate) fn read_any_schema<T: DeserializeOwned>(kind: Document, bytes: &[u8]) -> Option<T> {
    let frame = bytes.strip_suffix(b"\n").and_then(Frame::read)?;
    frame.follow(&before(kind))?;
    serde_json::from_slice(frame.body).ok()
}

fn before(kind: Document) -> ChainHead {
    ChainHead::of_text(match kind {
        // As schema 0 has it.
        Document::Header => "maniple bundle",
        Document::Card => "maniple bundle card",
        Document::Snapshot => "maniple bundle snapshot",
        Document::Tombstone => "maniple bundle tombstone",
    })
}
