use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use super::{Chain, Verified};
use crate::action::Entry;
use crate::error::{BundleError, Damage};
use crate::format::{BlobId, ChainHead, Frame, Gap, Record, Unread, Weight, read_record};
use crate::session::{Forked, Header};
use crate::state::{RunChange, State};
use crate::store::{BundleStore, Line, SessionReader};

/// How far a log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tip {
    /// How many actions it has, which is also the number of the next one.
    pub(crate) actions: u64,
    /// The hash of the last.
    pub(crate) head: ChainHead,
}

impl Tip {
    /// The tip of a log whose own last line this is.
    pub(crate) fn behind(
        header: &Header,
        last: Option<&(u64, Vec<u8>)>,
        path: &Path,
    ) -> Result<Self, BundleError> {
        let Some((seq, line)) = last else {
            return Ok(Self { actions: header.first_own(), head: header.before_own() });
        };
        let frame = Frame::read(line);
        let head = frame.and_then(|frame| match read_record(frame.body) {
            Ok((_, Record::Gap(gap))) => Some(gap.head),
            _ => frame.stated_head(),
        });
        let actions = seq.saturating_add(1);
        if let Some(head) = head {
            return Ok(Self { actions, head });
        }
        let (path, found) = (path.to_owned(), Damage::Malformed);
        Err(BundleError::Damaged { path, line: actions, offset: 0, found })
    }
}

/// A session's log, with what it shares with the sessions that it was forked from.
#[derive(Debug)]
pub(crate) struct Log<'a> {
    header: &'a Header,
    own: &'a dyn SessionReader,
    /// Those of the ancestors, the oldest first.
    shared: Vec<(Forked, Box<dyn SessionReader>)>,
}

/// What a log says at one place.
pub(crate) enum Step<'a> {
    Action(Unread<'a>),
    /// Actions that were dropped.
    Gap(Gap),
}

type VisitStep<'a> = dyn FnMut(Step<'_>, Line<'_>) -> Result<ControlFlow<()>, BundleError> + 'a;

impl<'a> Log<'a> {
    pub(crate) fn open(
        store: &dyn BundleStore,
        header: &'a Header,
        own: &'a dyn SessionReader,
    ) -> Result<Self, BundleError> {
        // One with which nothing is shared may be gone.
        let ancestors = header.ancestors().iter().filter(|forked| forked.at > 0);
        let shared = ancestors.map(|forked| Ok((*forked, store.read(forked.from)?)));
        Ok(Self { header, own, shared: shared.collect::<Result<_, BundleError>>()? })
    }

    pub(crate) fn header(&self) -> &'a Header {
        self.header
    }

    /// The hashes of the actions up to `until`, each by how many there are with it.
    pub(crate) fn heads(&self, until: u64) -> Result<BTreeMap<u64, ChainHead>, BundleError> {
        let mut heads = BTreeMap::new();
        let mut chain = Chain::from_the_beginning(self.header);
        self.replay(&mut chain, until, &mut |step, line| {
            let head = match step {
                Step::Gap(gap) => Some(gap.head),
                Step::Action(_) => Frame::read(line.bytes()).and_then(|frame| frame.stated_head()),
            };
            heads.extend(head.map(|head| (line.seq().saturating_add(1), head)));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(heads)
    }

    /// Shows what follows on `chain`, each line checked, before action `until` and as far as there is
    /// anything.
    pub(crate) fn replay(
        &self,
        chain: &mut Chain<'_>,
        until: u64,
        visit: &mut VisitStep<'_>,
    ) -> Result<(), BundleError> {
        for (forked, reader) in &self.shared {
            if chain.actions() >= forked.at {
                continue;
            }
            if replay_until(&**reader, until.min(forked.at), chain, visit)?.is_break() {
                return Ok(());
            }
            if chain.actions() >= until {
                return Ok(());
            }
            let read = Tip { actions: chain.actions(), head: chain.head() };
            if read != (Tip { actions: forked.at, head: forked.head }) {
                return Err(missing(reader.location(), read.actions));
            }
        }
        replay_until(self.own, until, chain, visit).map(drop)
    }

    /// Folds everything up to `until` into `state`, which is that at `chain`. What it comes to between
    /// actions that were dropped is not known.
    pub(crate) fn fold(
        &self,
        chain: &mut Chain<'_>,
        state: &mut State,
        until: u64,
    ) -> Result<(), BundleError> {
        let mut is_known = true;
        self.replay(chain, until, &mut |step, line| {
            match step {
                Step::Action(action) => self.fold_one(&action, line, state)?,
                Step::Gap(Gap { state: Some(come_to), .. }) => {
                    *state = *come_to;
                    is_known = true;
                }
                Step::Gap(_) => is_known = false,
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if is_known {
            Ok(())
        } else {
            Err(BundleError::Dropped { id: self.header.id, asked: until.min(chain.actions()) })
        }
    }

    /// Folds one action, which is read only if it has to be.
    pub(crate) fn fold_one(
        &self,
        action: &Unread<'_>,
        line: Line<'_>,
        state: &mut State,
    ) -> Result<(), BundleError> {
        match action.weight() {
            Weight::Record => state.apply_record(action.time_ms, RunChange::Other),
            Weight::None => state.touch(action.time_ms),
            Weight::Unknown => state.apply(self.read(action, line)?),
        }
        Ok(())
    }

    /// Shows the actions from `from` on that are there, each checked with everything before it.
    pub(crate) fn entries(
        &self,
        from: u64,
        visit: &mut dyn FnMut(Entry) -> Result<ControlFlow<()>, BundleError>,
    ) -> Result<Verified, BundleError> {
        let mut chain = Chain::from_the_beginning(self.header);
        let mut blobs = 0;
        self.replay(&mut chain, u64::MAX, &mut |step, line| match step {
            Step::Action(action) if action.seq >= from => {
                blobs += action.blobs().count();
                visit(self.read(&action, line)?)
            }
            _ => Ok(ControlFlow::Continue(())),
        })?;
        let blobs = u64::try_from(blobs).unwrap_or(u64::MAX);
        Ok(Verified { actions: chain.actions(), head: chain.head(), blobs })
    }

    /// Reads an action with its parts.
    pub(crate) fn read(&self, action: &Unread<'_>, line: Line<'_>) -> Result<Entry, BundleError> {
        action.read(|id| self.blob(id)).map_err(|error| error.at(line))
    }

    /// What a blob says, which is what its name demands.
    pub(crate) fn blob(&self, id: BlobId) -> Result<Vec<u8>, BundleError> {
        let shared = self.shared.iter().rev().map(|(_, reader)| &**reader);
        let mut is_missing = true;
        for reader in [self.own].into_iter().chain(shared) {
            if let Some(content) = reader.blob(id)? {
                if BlobId::of(&content) == id {
                    return Ok(content);
                }
                is_missing = false;
            }
        }
        Err(BundleError::Blob { dir: self.own.location().to_owned(), blob: id, is_missing })
    }
}

fn replay_until(
    reader: &dyn SessionReader,
    until: u64,
    chain: &mut Chain<'_>,
    visit: &mut VisitStep<'_>,
) -> Result<ControlFlow<()>, BundleError> {
    let mut is_over = ControlFlow::Continue(());
    reader.lines(chain.actions(), &mut |line| {
        if chain.actions() >= until {
            return Ok(ControlFlow::Break(()));
        }
        let frame = chain.follow(line.bytes()).map_err(|flaw| flaw.at(line))?;
        let (_, record) = read_record(frame.body).map_err(|error| error.at(line))?;
        is_over = match record {
            Record::Action(action) => visit(Step::Action(action), line)?,
            Record::Gap(gap) => visit(Step::Gap(gap), line)?,
        };
        Ok(is_over)
    })?;
    Ok(is_over)
}

/// The error that says that a log ends before this action, which it had.
pub(crate) fn missing(path: &Path, actions: u64) -> BundleError {
    let (path, line) = (path.to_owned(), actions.saturating_add(1));
    BundleError::Damaged { path, line, offset: 0, found: Damage::Missing }
}
