use maniple_core::AgentError;
use serde::{Deserialize, Serialize};

/// How a pattern that outlives failures has ended: what its children made, and what became of those
/// that made nothing. `K` tells the children apart: the index of an input or branch from 0, or a name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Partial<T, K = usize> {
    /// What the children made that count.
    pub ok: T,
    /// Those that failed, with why.
    #[serde(with = "recorded")]
    pub failed: Vec<(K, AgentError)>,
    /// Those that were stopped, or ended when the outcome was settled without them.
    pub cancelled: Vec<K>,
    /// Those that were never begun. What a stream still had to give is not known, and not listed.
    pub skipped: Vec<K>,
    /// Those that waited for a signal when the outcome was settled without them.
    pub suspended: Vec<K>,
}

impl<T, K> Partial<T, K> {
    /// Whether every child counts.
    pub fn is_complete(&self) -> bool {
        let Self { failed, cancelled, skipped, suspended, .. } = self;
        failed.is_empty() && cancelled.is_empty() && skipped.is_empty() && suspended.is_empty()
    }

    /// Changes what was made.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Partial<U, K> {
        let Self { ok, failed, cancelled, skipped, suspended } = self;
        Partial { ok: f(ok), failed, cancelled, skipped, suspended }
    }

    /// Names the children by something else.
    pub(crate) fn rename<L>(self, mut name: impl FnMut(K) -> L) -> Partial<T, L> {
        let Self { ok, failed, cancelled, skipped, suspended } = self;
        Partial {
            ok,
            failed: failed.into_iter().map(|(key, error)| (name(key), error)).collect(),
            cancelled: cancelled.into_iter().map(&mut name).collect(),
            skipped: skipped.into_iter().map(&mut name).collect(),
            suspended: suspended.into_iter().map(&mut name).collect(),
        }
    }
}

/// Errors are written as a journal keeps them.
mod recorded {
    use maniple_core::{AgentError, RecordedError};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K, S>(
        failed: &[(K, AgentError)],
        serializer: S,
    ) -> Result<S::Ok, S::Error>
    where
        K: Serialize,
        S: Serializer,
    {
        serializer.collect_seq(failed.iter().map(|(key, error)| (key, error.recorded())))
    }

    pub(super) fn deserialize<'de, K, D>(deserializer: D) -> Result<Vec<(K, AgentError)>, D::Error>
    where
        K: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let failed = Vec::<(K, RecordedError)>::deserialize(deserializer)?;
        Ok(failed.into_iter().map(|(key, error)| (key, AgentError::Recorded(error))).collect())
    }
}
