use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Reads 64 lowercase hexadecimal digits, which is the one spelling of a hash.
pub(super) fn read(digits: &[u8]) -> Option<[u8; 32]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut hash = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = value(*high)? * 16 + value(*low)?;
    }
    Some(hash)
}

/// Writes 64 lowercase hexadecimal digits.
pub(super) fn write(hash: [u8; 32]) -> [u8; 64] {
    let mut digits = [0; 64];
    digits.copy_from_slice(blake3::Hash::from_bytes(hash).to_hex().as_bytes());
    digits
}

/// The name of a blob: the BLAKE3 hash of what it says, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId([u8; 32]);

impl BlobId {
    /// The name of a blob that says this.
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }
}

/// A text that is no 64 lowercase hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a hash: expected 64 lowercase hexadecimal digits")]
#[non_exhaustive]
pub struct InvalidHash {
    /// The text.
    pub text: String,
}

/// What all hashes have in common: how they are shown, read and written.
macro_rules! shown_as_digits {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $type {
            type Err = InvalidHash;

            fn from_str(text: &str) -> Result<Self, InvalidHash> {
                let invalid = || InvalidHash { text: text.to_owned() };
                read(text.as_bytes()).map(Self).ok_or_else(invalid)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

shown_as_digits!(BlobId);
shown_as_digits!(ChainHead);

/// The hash of a log's last line, which stands for everything before it.
///
/// Whoever keeps one elsewhere can tell later whether the log was rewritten. It is shown as 64
/// hexadecimal digits, as in the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHead(pub(super) [u8; 32]);
