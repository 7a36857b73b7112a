use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a part of a host's sessions that the other parts must not see: a tenant, a team, an
/// environment.
///
/// Each has a store of its own below a common root, so that nothing that is done in one can reach
/// another: not a list, not a fork, not the removal of garbage.
///
/// ```
/// use maniple_bundles::{BundleError, Filter, Meta, Namespace, Sessions};
///
/// # futures::executor::block_on(async {
/// # let root = tempfile::tempdir().unwrap();
/// # let root = root.path();
/// let [acme, umbrella] = ["acme", "umbrella"].map(|name| {
///     let name: Namespace = name.parse().expect("it is made of letters");
///     Sessions::in_dir(name.below(root))
/// });
/// let session = acme.create(Meta::new("triage")).await?;
/// assert_eq!(acme.list(&Filter::all()).await?.len(), 1);
/// assert!(umbrella.list(&Filter::all()).await?.is_empty());
/// assert!(matches!(umbrella.view(session.id()).await, Err(BundleError::NotFound { .. })));
/// # Ok::<(), BundleError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Namespace(String);

/// The longest name, in bytes.
const MOST: usize = 64;

impl Namespace {
    /// Where its store is to be, below a root that all of them share. Two namespaces never have the
    /// same place, and none leads out of the root.
    pub fn below(&self, root: impl AsRef<Path>) -> PathBuf {
        // What the store of the root itself has there is named otherwise.
        root.as_ref().join(format!("namespace-{}", self.0))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Namespace {
    type Err = InvalidNamespace;

    fn from_str(name: &str) -> Result<Self, InvalidNamespace> {
        // Capital letters would be the same as small ones on some file systems.
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if (1..=MOST).contains(&name.len()) && name.bytes().all(is_plain) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidNamespace { name: name.to_owned() })
        }
    }
}

impl TryFrom<String> for Namespace {
    type Error = InvalidNamespace;

    fn try_from(name: String) -> Result<Self, InvalidNamespace> {
        name.parse()
    }
}

impl From<Namespace> for String {
    fn from(name: Namespace) -> Self {
        name.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no [`Namespace`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no name of a namespace: use 1 to 64 of a-z, 0-9, - and _")]
#[non_exhaustive]
pub struct InvalidNamespace {
    /// The text.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use super::*;

    #[test]
    fn a_namespace_has_a_place_of_its_own_below_the_root() {
        let long = "a".repeat(MOST);
        for name in ["acme", "a", "team-7_b", "con", &long] {
            let place = name.parse::<Namespace>().unwrap().below("root");
            let parts: Vec<_> = place.components().collect();
            assert!(matches!(parts[..], [Component::Normal(_), Component::Normal(_)]), "{name}");
            assert_eq!(place.parent(), Some(Path::new("root")));
        }
        let long = "a".repeat(MOST + 1);
        for name in ["", ".", "..", "a/b", "a\\b", "Acme", "é", "a b", "a\0", &long] {
            assert_eq!(name.parse::<Namespace>(), Err(InvalidNamespace { name: name.into() }));
        }
    }
}
