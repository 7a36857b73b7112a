use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::BundleError;
use crate::format::{ChainHead, SCHEMA, read_document, write_document};
use crate::log::{Chain, Log, Tip, missing};
use crate::session::{Card, Header, Meta, SessionId};
use crate::state::State;
use crate::store::{
    BundleStore, Document, Listed, NewSession, Recovery, SessionReader, SessionWriter,
};

/// What to do about a session that is there, or is not.
#[derive(Debug)]
pub(crate) enum Opening {
    /// It is made anew.
    Create(Header),
    /// It is there.
    Remount(SessionId),
    /// If there is none of this meta, it is made.
    RemountOrCreate(Header),
    /// It is made with what it shares with another, which comes to this.
    Fork(Header, Box<State>),
    /// It is open already.
    Opened(Box<Opened>),
}

/// What was found when a session was opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remounted {
    pub(crate) recovery: Option<Recovery>,
    /// Why the snapshot could not be used.
    pub(crate) bad_snapshot: Option<BundleError>,
}

/// A session that is open for writing.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(super) header: Header,
    pub(super) writer: Box<dyn SessionWriter>,
    pub(super) tip: Tip,
    pub(super) state: State,
    pub(super) remounted: Remounted,
}

/// What a log has come to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Snapshot<S = State> {
    schema: u32,
    pub(crate) actions: u64,
    pub(crate) head: ChainHead,
    pub(crate) state: S,
}

impl<S: Serialize> Snapshot<S> {
    pub(crate) fn new(tip: Tip, state: S) -> Self {
        Self { schema: SCHEMA, actions: tip.actions, head: tip.head, state }
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, BundleError> {
        write_document(Document::Snapshot, self)
    }
}

pub(crate) fn open(store: &dyn BundleStore, opening: Opening) -> Result<Opened, BundleError> {
    match opening {
        Opening::Create(header) => {
            let bytes = header.to_bytes()?;
            let writer = store.create(&new_session(&header, &bytes))?;
            Ok(created(header, writer))
        }
        Opening::Fork(header, state) => fork(store, header, *state),
        Opening::Opened(opened) => Ok(*opened),
        Opening::Remount(id) => remount(store, store.open(id)?),
        Opening::RemountOrCreate(header) => {
            let bytes = header.to_bytes()?;
            let new = new_session(&header, &bytes);
            let mut is_read = true;
            let made = store.create_unless(&new, &mut |other| {
                let other = Header::meta_of(other);
                is_read = other.is_some();
                // One that cannot be read may be the one that is looked for, and what was done there
                // is not to be done again in a new one.
                other.is_none_or(|other| other == header.meta)
            })?;
            match made {
                Ok(writer) => Ok(created(header, writer)),
                Err(id) if is_read => remount(store, store.open(id)?),
                Err(unread) => {
                    let id = newest(store, &header.meta)?.unwrap_or(unread);
                    remount(store, store.open(id)?)
                }
            }
        }
    }
}

/// The newest of the sessions of this meta that can be read.
fn newest(store: &dyn BundleStore, meta: &Meta) -> Result<Option<SessionId>, BundleError> {
    let is_it = |listed: &&Listed| {
        let header = listed.header.as_deref();
        header.and_then(Header::meta_of).is_some_and(|found| found == *meta)
    };
    Ok(store.list()?.iter().rev().find(is_it).map(|listed| listed.id))
}

fn fork(store: &dyn BundleStore, header: Header, state: State) -> Result<Opened, BundleError> {
    let bytes = header.to_bytes()?;
    let mut writer = store.create(&new_session(&header, &bytes))?;
    let tip = Tip { actions: header.first_own(), head: header.before_own() };
    // Remounting it need not read what it shares.
    let snapshot = Snapshot::new(tip, &state).to_bytes()?;
    writer.put_document(Document::Snapshot, &snapshot)?;
    // Lists show the tags that it has from there.
    writer.put_document(Document::Card, &Card::new(tip, &state, false).to_bytes()?)?;
    Ok(Opened { header, writer, tip, state, remounted: Remounted::default() })
}

fn new_session<'a>(header: &'a Header, bytes: &'a [u8]) -> NewSession<'a> {
    let ancestors = match header.ancestors() {
        // Of which it has nothing.
        [forked] if forked.at == 0 => &[],
        ancestors => ancestors,
    };
    NewSession::new(header.id, ancestors, bytes)
}

fn created(header: Header, writer: Box<dyn SessionWriter>) -> Opened {
    let tip = Tip { actions: 0, head: header.root() };
    Opened { header, writer, tip, state: State::default(), remounted: Remounted::default() }
}

fn remount(store: &dyn BundleStore, writer: Box<dyn SessionWriter>) -> Result<Opened, BundleError> {
    let header = read_header(&*writer)?;
    let tip = Tip::behind(&header, writer.last()?.as_ref(), writer.location())?;
    let mut remounted = Remounted { recovery: writer.recovery(), bad_snapshot: None };
    let reader: &dyn SessionReader = &*writer;
    let log = Log::open(store, &header, reader)?;
    let snapshot = match read_snapshot(reader) {
        Ok(snapshot) => snapshot,
        // It says nothing that the log does not.
        Err(error @ (BundleError::Damaged { .. } | BundleError::Unintelligible { .. })) => {
            remounted.bad_snapshot = Some(error);
            None
        }
        Err(error) => return Err(error),
    };
    let (mut chain, mut state) = match snapshot {
        Some(Snapshot { actions, head, state, .. }) => (Chain::new(&header, actions, head), state),
        None => (Chain::from_the_beginning(&header), State::default()),
    };
    let closed_at = reader.document(Document::Card)?.map_or(0, |card| Card::closed_at(&card));
    if chain.actions().max(closed_at) > tip.actions {
        return Err(missing(writer.location(), tip.actions));
    }
    log.fold(&mut chain, &mut state, u64::MAX)?;
    let read = Tip { actions: chain.actions(), head: chain.head() };
    if read != tip {
        return Err(missing(writer.location(), read.actions.min(tip.actions)));
    }
    drop(log);
    Ok(Opened { header, writer, tip, state, remounted })
}

/// Reads what a session is.
pub(crate) fn read_header(reader: &dyn SessionReader) -> Result<Header, BundleError> {
    match reader.document(Document::Header)? {
        Some(bytes) => Header::from_bytes(&bytes, &reader.location().join("bundle.json")),
        None => Err(missing(reader.location(), 0)),
    }
}

pub(crate) fn read_snapshot(reader: &dyn SessionReader) -> Result<Option<Snapshot>, BundleError> {
    let bytes = reader.document(Document::Snapshot)?;
    let path = reader.location().join("snapshot.json");
    bytes.map(|bytes| read_document(Document::Snapshot, &bytes, &path)).transpose()
}

/// What everything in the store is asked through.
pub(crate) type Store = Arc<dyn BundleStore>;
