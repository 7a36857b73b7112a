//! The sessions of a store.

use std::path::PathBuf;
use std::sync::Arc;

use crate::bundle::{ContextBundle, now_ms};
use crate::durability::Durability;
use crate::error::BundleError;
use crate::session::{Header, Meta, SessionId};
use crate::store::{BundleStore, FileStore};
use crate::writer::Opening;

/// The sessions of a store, and how they are opened.
///
/// It is cheap to clone; clones have the same store.
#[derive(Debug, Clone)]
pub struct Sessions {
    store: Arc<dyn BundleStore>,
    settings: Settings,
}

/// How a session is opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) durability: Durability,
}

impl Sessions {
    /// The sessions of this store. What they acknowledge survives the loss of power, unless
    /// [`with_durability`](Self::with_durability) says otherwise.
    pub fn new(store: impl BundleStore) -> Self {
        Self { store: Arc::new(store), settings: Settings::default() }
    }

    /// The sessions in a directory, which is made with the first of them: a [`FileStore`].
    pub fn in_dir(root: impl Into<PathBuf>) -> Self {
        Self::new(FileStore::new(root))
    }

    /// Sessions that are opened from now on acknowledge what survives this.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.settings.durability = durability;
        self
    }

    /// Creates a session and opens it.
    ///
    /// # Errors
    /// [`TooLong`](BundleError::TooLong) if `meta` has more than a megabyte, or what the system
    /// refused. A session that could not be created whole does not exist.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session may have been created; it is not open.
    pub async fn create(&self, meta: Meta) -> Result<ContextBundle, BundleError> {
        self.open(Opening::Create(header(meta))).await
    }

    /// Opens a session to continue it where it stopped, in whichever process that was. A torn tail
    /// is erased before anything can be appended; see [`recovered`](ContextBundle::recovered).
    ///
    /// What it finds is durable when it returns, also where the process that wrote it was killed
    /// before it could sync.
    ///
    /// # Errors
    /// [`NotFound`](BundleError::NotFound), [`Deleted`](BundleError::Deleted),
    /// [`OpenElsewhere`](BundleError::OpenElsewhere), an error that names the line that is damaged
    /// or not understood, or what the system refused. Nothing that was acknowledged is changed then.
    ///
    /// # Cancel safety
    /// If the future is dropped, a torn tail may have been erased, which is then not reported; the
    /// session is not open.
    pub async fn remount(&self, id: SessionId) -> Result<ContextBundle, BundleError> {
        self.open(Opening::Remount(id)).await
    }

    /// Opens the newest session of this name, or creates it with `meta` if there is none. A session
    /// that exists keeps the meta that it has. Of two callers at once, one creates it.
    ///
    /// # Errors
    /// Those of [`create`](Self::create) and [`remount`](Self::remount), but for the one that says
    /// that there is none.
    ///
    /// # Cancel safety
    /// As for those two.
    pub async fn open_or_create(&self, meta: Meta) -> Result<ContextBundle, BundleError> {
        self.open(Opening::RemountOrCreate(header(meta))).await
    }

    async fn open(&self, opening: Opening) -> Result<ContextBundle, BundleError> {
        ContextBundle::open(Arc::clone(&self.store), opening, self.settings.clone()).await
    }
}

/// What is said of a session that is created now.
fn header(meta: Meta) -> Header {
    Header::new(SessionId::generate(), now_ms(), meta)
}
