use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::PrimeError;

macro_rules! label {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// This text, as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

label! {
    /// Tells two states of a primer apart; compared for equality only.
    Version
}

label! {
    /// The way of working that a primer starts.
    Workflow
}

label! {
    /// A step of a workflow whose end is worth recording.
    Checkpoint
}

/// Names a primer: lower-case ASCII letters, digits and single hyphens between them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Arc<str>", into = "Arc<str>")]
pub struct PrimerName(Arc<str>);

impl PrimerName {
    /// The name of this text.
    ///
    /// # Errors
    /// [`PrimeError::InvalidName`] for any other text.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, PrimeError> {
        let name = name.into();
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if name.split('-').all(word) {
            Ok(Self(name))
        } else {
            Err(PrimeError::InvalidName { name })
        }
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PrimerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<Arc<str>> for PrimerName {
    type Error = PrimeError;

    fn try_from(name: Arc<str>) -> Result<Self, PrimeError> {
        Self::new(name)
    }
}

impl From<PrimerName> for Arc<str> {
    fn from(name: PrimerName) -> Self {
        name.0
    }
}
