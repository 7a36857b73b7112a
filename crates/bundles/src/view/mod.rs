//! A session that is read, whoever writes it.

mod diff;
mod export;
mod tail;

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

pub(crate) use diff::common;
pub use diff::{Diff, Difference};
pub use export::Exported;
pub(crate) use export::import;
pub use tail::Tail;

use crate::action::Entry;
use crate::error::BundleError;
use crate::log::{Chain, Log, Tip, Verified};
use crate::offload::offload;
use crate::session::{Forked, Header, Meta, Point, SessionId};
use crate::state::State;
use crate::store::{BundleStore, Document, SessionReader};
use crate::writer::{Snapshot, read_header, read_snapshot};

/// How often something is tried whose log is being compacted.
const TRIES: usize = 3;

/// A session that is read, also while another process writes it.
///
/// It shows what was written at the moment at which it is asked. Of what a writer has not synced,
/// the loss of power may take some away again.
#[derive(Debug, Clone)]
pub struct SessionView {
    store: Arc<dyn BundleStore>,
    header: Arc<Header>,
}

/// A log at one of its points.
pub(crate) struct Folded {
    pub(crate) tip: Tip,
    pub(crate) state: State,
}

impl SessionView {
    pub(crate) fn new(store: Arc<dyn BundleStore>, header: Header) -> Self {
        Self { store, header: Arc::new(header) }
    }

    /// Looks for the session. It blocks.
    pub(crate) fn find(store: Arc<dyn BundleStore>, id: SessionId) -> Result<Self, BundleError> {
        let reader = store.read(id)?;
        if reader.document(Document::Tombstone)?.is_some() {
            return Err(BundleError::Deleted { id });
        }
        let header = read_header(&*reader)?;
        Ok(Self::new(store, header))
    }

    /// The session's identity.
    pub fn id(&self) -> SessionId {
        self.header.id
    }

    /// What the host said about the session when it created it.
    pub fn meta(&self) -> &Meta {
        &self.header.meta
    }

    /// When the session was created: milliseconds since the Unix epoch.
    pub fn created_ms(&self) -> u64 {
        self.header.created_ms
    }

    /// The session that it was forked from, if it was.
    pub fn parent(&self) -> Option<&Forked> {
        self.header.parent()
    }

    /// The actions from number `from` on that are not dropped, in order, each checked.
    ///
    /// # Errors
    /// [`Deleted`](BundleError::Deleted), an error that names what is damaged, or what the system
    /// refused.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped; the reading ends on its own.
    pub async fn actions(&self, from: u64) -> Result<Vec<Entry>, BundleError> {
        self.offload(move |view| diff::since(&view, from)).await
    }

    /// Shows every action that is not dropped, in order and each checked, until `visit` breaks off.
    /// It is for logs that do not fit into memory.
    ///
    /// # Errors
    /// As for [`actions`](Self::actions).
    ///
    /// # Cancel safety
    /// If the future is dropped, the replay goes on to its end.
    pub async fn replay(
        &self,
        mut visit: impl FnMut(Entry) -> ControlFlow<()> + Send + 'static,
    ) -> Result<(), BundleError> {
        self.offload(move |view| {
            let mut next = 0;
            view.with(|log, _| {
                log.entries(next, &mut |entry| {
                    next = entry.seq.saturating_add(1);
                    Ok(visit(entry))
                })
            })
            .map(drop)
        })
        .await
    }

    /// What the actions before a point have come to.
    ///
    /// # Errors
    /// [`OutOfRange`](BundleError::OutOfRange), [`NoCheckpoint`](BundleError::NoCheckpoint),
    /// [`Dropped`](BundleError::Dropped), or as for [`actions`](Self::actions).
    ///
    /// # Cancel safety
    /// As for [`actions`](Self::actions).
    pub async fn state(&self, at: impl Into<Point>) -> Result<State, BundleError> {
        let at = at.into();
        self.offload(move |view| view.folded(&at).map(|folded| folded.state)).await
    }

    /// Reads the whole log and its blobs, and checks them.
    ///
    /// # Errors
    /// As for [`actions`](Self::actions).
    ///
    /// # Cancel safety
    /// As for [`actions`](Self::actions).
    pub async fn verify(&self) -> Result<Verified, BundleError> {
        let go_on = |_| Ok(ControlFlow::Continue(()));
        self.offload(move |view| view.with(|log, _| log.entries(0, &mut { go_on }))).await
    }

    /// What this session and another one have in common, and what each has for itself.
    ///
    /// # Errors
    /// As for [`actions`](Self::actions), for either.
    ///
    /// # Cancel safety
    /// As for [`actions`](Self::actions).
    pub async fn diff(&self, other: &Self) -> Result<Diff, BundleError> {
        let other = other.clone();
        self.offload(move |view| diff::diff(&view, &other)).await
    }

    /// Writes the whole session as one text that [`import`](crate::Sessions::import) reads: what it
    /// is, its log with what it shares with others, and its blobs, all chained by hashes, so that
    /// damage is found.
    ///
    /// # Errors
    /// What `out` refuses, or as for [`actions`](Self::actions), also where the history is dropped
    /// meanwhile. What was written by then is refused when it is imported.
    ///
    /// # Cancel safety
    /// If the future is dropped, the export goes on to its end.
    pub async fn export(&self, out: impl Write + Send + 'static) -> Result<Exported, BundleError> {
        self.offload(move |view| export::export(&view, out)).await
    }

    /// The actions from number `from` on, as they come, also from another process. The stream has no
    /// end of its own; it ends behind an error.
    ///
    /// It looks about four times a second, on a thread that ends when the stream is dropped.
    pub fn tail(&self, from: u64) -> Tail {
        Tail::start(self.clone(), from)
    }

    pub(crate) async fn offload<T: Send + 'static>(
        &self,
        job: impl FnOnce(Self) -> Result<T, BundleError> + Send + 'static,
    ) -> Result<T, BundleError> {
        let view = self.clone();
        offload(move || job(view)).await
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Does something with the log as it is now.
    ///
    /// It is done anew where it fails in the way in which it does if the history is dropped
    /// meanwhile: then a gap stands where it was to go on, or a blob is gone.
    pub(crate) fn with<T>(
        &self,
        mut act: impl FnMut(&Log<'_>, &dyn SessionReader) -> Result<T, BundleError>,
    ) -> Result<T, BundleError> {
        let mut done = self.with_once(&mut act);
        for _ in 1..TRIES {
            match done {
                Err(BundleError::Rewritten { .. } | BundleError::Blob { is_missing: true, .. }) => {
                    done = self.with_once(&mut act);
                }
                _ => break,
            }
        }
        done
    }

    /// The same for what cannot be done anew.
    pub(crate) fn with_once<T>(
        &self,
        act: impl FnOnce(&Log<'_>, &dyn SessionReader) -> Result<T, BundleError>,
    ) -> Result<T, BundleError> {
        let reader = self.store.read(self.header.id)?;
        act(&Log::open(&*self.store, &self.header, &*reader)?, &*reader)
    }

    /// The log at a point.
    pub(crate) fn folded(&self, at: &Point) -> Result<Folded, BundleError> {
        self.with(|log, reader| folded(log, &self.header, reader, at))
    }
}

/// The log at a point.
pub(crate) fn folded(
    log: &Log<'_>,
    header: &Header,
    reader: &dyn SessionReader,
    at: &Point,
) -> Result<Folded, BundleError> {
    let until = |at: u64| -> Result<Folded, BundleError> {
        // The log says everything that a snapshot does.
        let snapshot = read_snapshot(reader).ok().flatten();
        let (mut chain, mut state) = match snapshot.filter(|snapshot| snapshot.actions <= at) {
            Some(Snapshot { actions, head, state, .. }) => {
                (Chain::new(header, actions, head), state)
            }
            None => (Chain::from_the_beginning(header), State::default()),
        };
        log.fold(&mut chain, &mut state, at)?;
        Ok(Folded { tip: Tip { actions: chain.actions(), head: chain.head() }, state })
    };
    let at = match at {
        Point::Behind(at) => *at,
        at => {
            let end = until(u64::MAX)?;
            let actions = at.resolve(header.id, end.tip, &end.state)?;
            if actions == end.tip.actions {
                return Ok(end);
            }
            actions
        }
    };
    let folded = until(at)?;
    let actions = folded.tip.actions;
    match actions.cmp(&at) {
        std::cmp::Ordering::Equal => Ok(folded),
        std::cmp::Ordering::Less => {
            Err(BundleError::OutOfRange { id: header.id, actions, asked: at })
        }
        std::cmp::Ordering::Greater => Err(BundleError::Dropped { id: header.id, asked: at }),
    }
}
