use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::canonical::canonical;
use super::{Key, RunId};
use crate::error::Source;
use crate::scratch::scratch;

/// A BLAKE3 digest, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of raw bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of a value as canonical JSON: map keys sorted by their bytes, floats by their
    /// bits, so that neither the order of a hash map nor `NaN` makes two equal inputs differ or two
    /// different ones agree.
    ///
    /// # Errors
    /// When the value's own `Serialize` fails.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, Source> {
        Self::of_canonical(value, true)
    }

    #[cfg(feature = "broken")]
    pub(crate) fn of_unsorted<T: Serialize + ?Sized>(value: &T) -> Result<Self, Source> {
        Self::of_canonical(value, false)
    }

    fn of_canonical<T: Serialize + ?Sized>(value: &T, sort: bool) -> Result<Self, Source> {
        scratch(|text| {
            canonical(value, sort, text).map_err(Source::new)?;
            Ok(Self::of_bytes(text.as_bytes()))
        })
    }

    /// What two values of one digest have in common within one process, among those of one kind; others
    /// differ but for a chance in 2⁶⁴.
    pub(crate) fn fingerprint<T: Serialize + ?Sized>(
        kind: u64,
        value: &T,
        hashes: &RandomState,
    ) -> Result<u64, Source> {
        scratch(|text| {
            canonical(value, true, text).map_err(Source::new)?;
            let mut print = hashes.build_hasher();
            print.write(text.as_bytes());
            // Of one length, and so at the end of whatever stands before it.
            print.write_u64(kind);
            Ok(print.finish())
        })
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Digest {
    type Err = Source;

    fn from_str(text: &str) -> Result<Self, Source> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes())).map_err(Source::new)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a step gives to the service that it calls, so that a call that is made twice counts once:
/// BLAKE3 over the run, the step's key and the digest of its input.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(Digest);

impl IdempotencyKey {
    pub(crate) fn new(run: &RunId, key: &Key, input: &Digest) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [run.as_str().as_bytes(), key.as_str().as_bytes(), input.as_bytes()] {
            // The length in front keeps ("a", "bc") and ("ab", "c") apart.
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(Digest(*hasher.finalize().as_bytes()))
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
