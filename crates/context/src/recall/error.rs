use std::error::Error;
use std::fmt;

use maniple_core::{Class, Classify};

use super::{Handle, ShortHandle};

/// Why a text could not be kept or given back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecallError {
    /// The store never kept it, or no longer does.
    #[error("no dropped text is kept as {handle}: ask the store that the optimizer was built with")]
    Unknown {
        /// What was asked for.
        handle: Handle,
    },
    /// The store keeps no text whose handle begins like this.
    #[error(
        "no dropped text is kept under a handle that begins with {short}: copy the 12 digits \
         from a marker, and ask the store that the optimizer was built with"
    )]
    UnknownShort {
        /// What was asked for.
        short: ShortHandle,
    },
    /// Several handles begin like this. None of their texts is lost.
    #[error("{short} is short for {}: ask for one of them", Listed(.candidates))]
    Ambiguous {
        /// What was asked for.
        short: ShortHandle,
        /// The handles that begin with it, in their order.
        candidates: Vec<Handle>,
    },
    /// What the store has is not the text that was kept. Putting the text again repairs it.
    #[error("what is kept as {handle} is damaged")]
    Damaged {
        /// What was asked for.
        handle: Handle,
        /// Where the damage is.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store itself failed.
    #[error("the recall store failed on {handle}")]
    Store {
        /// What it was to keep or to give back.
        handle: Handle,
        /// Whether trying again can help.
        class: Class,
        /// The store's own error.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store failed while it looked for a handle.
    #[error("the recall store failed looking for handles that begin with {short}")]
    Search {
        /// How the handle begins.
        short: ShortHandle,
        /// Whether trying again can help.
        class: Class,
        /// The store's own error.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Classify for RecallError {
    fn class(&self) -> Class {
        match self {
            Self::Unknown { .. }
            | Self::UnknownShort { .. }
            | Self::Ambiguous { .. }
            | Self::Damaged { .. } => Class::Permanent,
            Self::Store { class, .. } | Self::Search { class, .. } => *class,
        }
    }
}

struct Listed<'a>(&'a [Handle]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, handle) in self.0.iter().enumerate() {
            write!(f, "{}{handle}", if i == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}
