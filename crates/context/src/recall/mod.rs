//! Where dropped texts stay, so that a reduction loses nothing, and how a model gets them back.

mod error;
pub mod excerpt;
mod file;
mod handle;
mod marker;
mod memory;
#[cfg(feature = "tools")]
mod tool;

use std::fmt;
use std::sync::Arc;

pub use error::RecallError;
pub use file::{Damage, FileRecall, FileRecallError};
pub use handle::{Handle, NoHandle, ShortHandle};
pub use marker::{Left, Marker};
pub use memory::MemoryRecall;
#[cfg(feature = "tools")]
pub use tool::RecallTool;

/// Keeps texts by their content.
///
/// A call may block on a disk. Texts are never changed, so that keeping one twice is keeping it
/// once, and a failed call may simply be made again. Every implementation passes
/// `maniple_context::testkit::check_recall_store` (feature `testkit`).
pub trait RecallStore: fmt::Debug + Send + Sync {
    /// Keeps a text under `handle`, which is [`Handle::of`] it.
    ///
    /// # Errors
    /// When the text may not have been kept.
    fn put(&self, handle: &Handle, text: &Arc<str>) -> Result<(), RecallError>;

    /// Keeps several texts, each under its handle. A store for which one large write is cheaper than
    /// many small ones does better here than one [`put`](Self::put) after the other.
    ///
    /// # Errors
    /// When any of the texts may not have been kept; others may have been.
    fn put_all(&self, texts: &[(Handle, Arc<str>)]) -> Result<(), RecallError> {
        texts.iter().try_for_each(|(handle, text)| self.put(handle, text))
    }

    /// The text of a handle, byte for byte.
    ///
    /// # Errors
    /// [`RecallError::Unknown`] where no such text was kept; [`RecallError::Damaged`] where what was
    /// kept is not what there is; anything else when it cannot be told.
    fn get(&self, handle: &Handle) -> Result<Arc<str>, RecallError>;

    /// The handles of all texts kept that begin like this, each once and in their order; none where
    /// there is none.
    ///
    /// # Errors
    /// When it cannot be told.
    fn candidates(&self, short: ShortHandle) -> Result<Vec<Handle>, RecallError>;

    /// The one handle that begins like this.
    ///
    /// # Errors
    /// [`RecallError::UnknownShort`] where none does, [`RecallError::Ambiguous`] where several do;
    /// anything else when it cannot be told.
    fn find(&self, short: ShortHandle) -> Result<Handle, RecallError> {
        let candidates = self.candidates(short)?;
        match *candidates {
            [] => Err(RecallError::UnknownShort { short }),
            [only] => Ok(only),
            [..] => Err(RecallError::Ambiguous { short, candidates }),
        }
    }
}

const _: Option<&dyn RecallStore> = None;

/// Forwards the trait, what has a default included.
macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<T: RecallStore + ?Sized> RecallStore for $pointer<T> {
            fn put(&self, handle: &Handle, text: &Arc<str>) -> Result<(), RecallError> {
                (**self).put(handle, text)
            }

            fn put_all(&self, texts: &[(Handle, Arc<str>)]) -> Result<(), RecallError> {
                (**self).put_all(texts)
            }

            fn get(&self, handle: &Handle) -> Result<Arc<str>, RecallError> {
                (**self).get(handle)
            }

            fn candidates(&self, short: ShortHandle) -> Result<Vec<Handle>, RecallError> {
                (**self).candidates(short)
            }

            fn find(&self, short: ShortHandle) -> Result<Handle, RecallError> {
                (**self).find(short)
            }
        }
    )*};
}
forward!(Arc, Box);
