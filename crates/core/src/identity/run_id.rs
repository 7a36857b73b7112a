use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// The identity of a run, kept by its journal for as long as the run lives.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Arc<str>);

impl RunId {
    /// An id that the host chooses, for example the id of the session that holds the journal.
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// A fresh id: 128 bits from the process's hash seeds, the clock and a counter. It is unique,
    /// not secret.
    pub fn random() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let fresh = (
            NEXT.fetch_add(1, Ordering::Relaxed),
            std::process::id(),
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_nanos()),
        );
        let (high, low) = (RandomState::new().hash_one(fresh), RandomState::new().hash_one(fresh));
        Self(format!("{high:016x}{low:016x}").into())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
