use crate::error::{BundleError, Damage};
use crate::format::{
    ChainHead, Claims, Frame, Record, SCHEMA, Unreadable, has_known_action, read_record,
};
use crate::session::Header;
use crate::store::Line;
use crate::store::file::broken::Rule;

/// More actions than any log has, so that numbers can be counted up without a look at where they end.
const NO_LOG_HAS: u64 = 1 << 63;

/// How far a log is known to be intact, and what must come next.
#[derive(Debug, Clone)]
pub(crate) struct Chain<'a> {
    header: &'a Header,
    /// How many actions it has so far, with those in gaps.
    actions: u64,
    /// The hash of the last.
    head: ChainHead,
}

/// What is wrong with a line.
#[derive(Debug)]
pub(crate) enum Flaw {
    /// It is not one that was written here whole.
    Broken(Damage),
    /// It is, so that no crash can have caused it.
    Unreadable(Unreadable),
    /// It is, but not for this place.
    Misplaced(Damage),
    /// It stands for actions that were read before it was put in their place.
    Rewritten,
}

impl<'a> Chain<'a> {
    /// The chain behind the first `actions` actions, of which this is the hash.
    pub(crate) fn new(header: &'a Header, actions: u64, head: ChainHead) -> Self {
        Self { header, actions, head }
    }

    /// The chain of a log of which nothing was read.
    pub(crate) fn from_the_beginning(header: &'a Header) -> Self {
        Self::new(header, 0, header.root())
    }

    pub(crate) fn actions(&self) -> u64 {
        self.actions
    }

    pub(crate) fn head(&self) -> ChainHead {
        self.head
    }

    /// Takes the next line, if it is that.
    pub(crate) fn follow<'l>(&mut self, line: &'l [u8]) -> Result<Frame<'l>, Flaw> {
        let frame = Frame::read(line).ok_or(Flaw::Broken(Damage::Malformed))?;
        let expected = self.actions;
        if let Some(Claims::Numbered { seq }) = frame.claims()
            && seq >= expected
            && let Ok((_, Record::Gap(gap))) = read_record(frame.body)
            && gap.first < expected
        {
            return Err(Flaw::Rewritten);
        }
        let before = self.header.before(self.actions, self.head);
        let head = match frame.follow(&before) {
            None if Rule::HashIsCompared.is_broken() => frame.stated_head(),
            head => head,
        };
        let head = head.ok_or(Flaw::Broken(Damage::BrokenChain))?;
        let (seq, head) = match frame.claims() {
            Some(Claims::Action { seq, .. })
                if (seq == expected || Rule::NumberIsCompared.is_broken())
                    && has_known_action(frame.body) =>
            {
                (seq, head)
            }
            _ => match read_record(frame.body).map_err(Flaw::Unreadable)? {
                (seq, Record::Gap(gap))
                    if gap.first == expected && (expected..NO_LOG_HAS).contains(&seq) =>
                {
                    (seq, gap.head)
                }
                (seq, Record::Action(action)) if seq == expected => {
                    // Before anything is done to a log, it is known that it can be read.
                    action.require_known().map_err(Flaw::Unreadable)?;
                    (seq, head)
                }
                // The hash is right, so somebody meant this line: it is nobody's torn write.
                (found, _) => {
                    return Err(Flaw::Misplaced(Damage::OutOfSequence { expected, found }));
                }
            },
        };
        self.actions = seq.saturating_add(1);
        self.head = head;
        Ok(frame)
    }
}

impl Flaw {
    /// The error that names the line.
    pub(crate) fn at(self, line: Line<'_>) -> BundleError {
        let (path, number) = (line.path().to_owned(), line.number());
        match self {
            Self::Broken(found) | Self::Misplaced(found) => {
                BundleError::Damaged { path, line: number, offset: line.offset(), found }
            }
            Self::Unreadable(error) => error.at(line),
            Self::Rewritten => BundleError::Rewritten { path },
        }
    }
}

impl Unreadable {
    /// The error that names the line.
    pub(crate) fn at(self, at: Line<'_>) -> BundleError {
        let (path, line) = (at.path().to_owned(), at.number());
        match self {
            Self::Newer(found) => BundleError::NewerSchema { path, line, found, known: SCHEMA },
            Self::UnknownAction(kind) => BundleError::UnknownAction { path, line, kind },
            Self::Unintelligible(error) => {
                BundleError::Unintelligible { path, line, source: error.into() }
            }
            Self::Parts => {
                let (offset, found) = (at.offset(), Damage::Parts);
                BundleError::Damaged { path, line, offset, found }
            }
            Self::Failed(error) => error,
        }
    }
}
