//! The sessions of a store.

mod list;
mod runs;

use std::io::{Read, Seek};
use std::path::PathBuf;
use std::sync::Arc;

use crate::bundle::{ContextBundle, now_ms};
use crate::durability::Durability;
use crate::error::BundleError;
use crate::offload::offload;
use crate::redact::Redactor;
use crate::session::{Header, Meta, SessionId};
use crate::store::{BundleStore, FileStore};
use crate::view::{SessionView, import};
use crate::writer::Opening;

pub use list::{Filter, LogSummary, Summary, Tombstone};

/// The sessions of a store, and how they are opened.
///
/// It is cheap to clone; clones have the same store.
#[derive(Debug, Clone)]
pub struct Sessions {
    store: Arc<dyn BundleStore>,
    settings: Settings,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// The sessions that were deleted because their time was over.
    pub expired: Vec<SessionId>,
    /// How many bytes were removed besides.
    pub bytes: u64,
}

/// How a session is opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) durability: Durability,
    pub(crate) redactor: Redactor,
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

    /// Sessions that are opened from now on are written without what this finds. The default finds
    /// common credentials.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.settings.redactor = redactor;
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
        self.open(Opening::Create(self.header(meta))).await
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

    /// Opens the newest session of this meta, the name and all labels, or creates it if there is none:
    /// a host that can say what a session is about need not keep its id. Of two callers at once, one
    /// creates it.
    ///
    /// # Errors
    /// Those of [`create`](Self::create) and [`remount`](Self::remount), but for the one that says
    /// that there is none. Where no session of this meta is found, but one of which nothing can be read,
    /// that may be it, and the error names it: what was done there is not done again in a new one.
    ///
    /// # Cancel safety
    /// As for those two.
    pub async fn open_or_create(&self, meta: Meta) -> Result<ContextBundle, BundleError> {
        self.open(Opening::RemountOrCreate(self.header(meta))).await
    }

    /// Opens a session to read it, whoever writes it.
    ///
    /// # Errors
    /// [`NotFound`](BundleError::NotFound), [`Deleted`](BundleError::Deleted), or what the system
    /// refused.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub async fn view(&self, id: SessionId) -> Result<SessionView, BundleError> {
        let store = Arc::clone(&self.store);
        offload(move || SessionView::find(store, id)).await
    }

    /// The sessions that the filter shows, the oldest first. No log is opened.
    ///
    /// # Errors
    /// An error that names what is damaged, or what the system refused.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Summary>, BundleError> {
        let filter = filter.clone();
        self.offload(move |store| {
            let mut summaries = Vec::new();
            for listed in store.list()? {
                summaries.extend(Summary::read(&listed)?.filter(|summary| filter.shows(summary)));
            }
            Ok(summaries)
        })
        .await
    }

    /// The sessions that were deleted, the oldest first.
    ///
    /// # Errors
    /// As for [`list`](Self::list).
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub async fn deleted(&self) -> Result<Vec<Tombstone>, BundleError> {
        self.offload(|store| {
            let listed = store.list()?;
            listed.iter().filter_map(|listed| Tombstone::read(listed).transpose()).collect()
        })
        .await
    }

    /// Deletes a session, and leaves a tombstone that says when and why. As long as a session that
    /// was forked from it is not deleted, what they share stays on the disk.
    ///
    /// # Errors
    /// [`NotFound`](BundleError::NotFound), [`Deleted`](BundleError::Deleted),
    /// [`OpenElsewhere`](BundleError::OpenElsewhere), an error that names another session, which cannot
    /// be read and so may share what is to be deleted, or what the system refused. That the session
    /// itself is damaged is none.
    ///
    /// # Cancel safety
    /// If the future is dropped, it is deleted all the same.
    pub async fn delete(
        &self,
        id: SessionId,
        reason: impl Into<String>,
    ) -> Result<(), BundleError> {
        let tombstone = {
            let reason = self.settings.redactor.redact(&reason.into()).into_owned();
            Tombstone::new(id, now_ms(), reason).to_bytes()?
        };
        self.offload(move |store| store.delete(id, &tombstone)).await
    }

    /// Deletes the sessions whose time is over, and removes what nobody needs any more. Sessions
    /// that are open stay.
    ///
    /// # Errors
    /// As for [`list`](Self::list). What was collected by then is.
    ///
    /// # Cancel safety
    /// If the future is dropped, it goes on to its end.
    pub async fn collect_garbage(&self) -> Result<Collected, BundleError> {
        self.offload(|store| {
            let now = now_ms();
            let mut expired = Vec::new();
            for listed in store.list()? {
                let Some(summary) = Summary::read(&listed)? else { continue };
                let until = summary.log.and_then(|log| log.expires_ms);
                if until.is_none_or(|until| until > now) {
                    continue;
                }
                let tombstone = Tombstone::new(summary.id, now, "expired".into()).to_bytes()?;
                match store.delete(summary.id, &tombstone) {
                    Ok(()) => expired.push(summary.id),
                    Err(BundleError::OpenElsewhere { .. } | BundleError::Deleted { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(Collected { expired, bytes: store.collect_garbage()? })
        })
        .await
    }

    /// Reads a session that [`export`](SessionView::export) wrote. It has the id that it had there.
    /// Nothing of it is redacted here, which would break its chain: what the exporting side has written
    /// is what comes. All of it is checked before any of it is written, and an import that was cut short goes on
    /// where it stopped when it is tried again.
    ///
    /// # Errors
    /// [`AlreadyExists`](BundleError::AlreadyExists) if there is a session of that id, or was one;
    /// [`Damaged`](BundleError::Damaged) and others that name the line of `input`; or what the system
    /// refused.
    ///
    /// # Cancel safety
    /// If the future is dropped, the import goes on to its end.
    pub async fn import(
        &self,
        input: impl Read + Seek + Send + 'static,
    ) -> Result<SessionId, BundleError> {
        let id = self.offload(move |store| import(store, input)).await?;
        let bundle = self.remount(id).await?;
        bundle.snapshot().await?;
        bundle.close().await?;
        Ok(id)
    }

    async fn offload<T: Send + 'static>(
        &self,
        job: impl FnOnce(&dyn BundleStore) -> Result<T, BundleError> + Send + 'static,
    ) -> Result<T, BundleError> {
        let store = Arc::clone(&self.store);
        offload(move || job(&*store)).await
    }

    async fn open(&self, opening: Opening) -> Result<ContextBundle, BundleError> {
        ContextBundle::open(Arc::clone(&self.store), opening, self.settings.clone()).await
    }

    /// What is said of a session that is created now.
    fn header(&self, meta: Meta) -> Header {
        let meta = meta.redacted(&self.settings.redactor);
        Header::new(SessionId::generate(), now_ms(), meta)
    }
}
