use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Meta, SessionId};
use crate::error::{BundleError, Damage};
use crate::format::{ChainHead, Frame, SCHEMA, write_frame};

/// What `bundle.json` says; it never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    schema: u32,
    pub(crate) id: SessionId,
    /// Milliseconds since the Unix epoch.
    #[serde(rename = "created")]
    pub(crate) created_ms: u64,
    pub(crate) meta: Meta,
}

impl Header {
    pub(crate) fn new(id: SessionId, created_ms: u64, meta: Meta) -> Self {
        Self { schema: SCHEMA, id, created_ms, meta }
    }

    /// The content of the file.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, BundleError> {
        let body = serde_json::to_vec(self)
            .map_err(|error| BundleError::Encode { source: Arc::new(error) })?;
        let mut out = Vec::with_capacity(body.len() + 80);
        write_frame(&mut out, &ChainHead::of_header(), |out| {
            out.extend_from_slice(&body);
        });
        Ok(out)
    }

    /// Reads the content of the file at `path`.
    pub(crate) fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, BundleError> {
        #[derive(Deserialize)]
        struct Newer {
            schema: u32,
        }
        let damaged =
            |found| BundleError::Damaged { path: path.to_owned(), line: 1, offset: 0, found };
        let frame = bytes.strip_suffix(b"\n").and_then(Frame::read);
        let frame = frame.ok_or_else(|| damaged(Damage::Malformed))?;
        frame.follow(&ChainHead::of_header()).ok_or_else(|| damaged(Damage::BrokenChain))?;
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
}
