//! Makes lines as a bundle makes them, so that a store that looks at them finds nothing wrong.

use std::collections::BTreeSet;

use crate::action::Action;
use crate::format::{
    BlobId, ChainHead, Gap, MAX_ACTION_BYTES, encode_action, write_body, write_frame, write_gap,
};
use crate::session::{Fork, Header, Meta, SessionId};
use crate::store::{Line, Lines, NewSession};

/// A line of a log, with its number.
pub(super) type Numbered = (u64, Vec<u8>);

/// Who knows everything that the log of a session is to say.
#[derive(Debug, Clone)]
pub(super) struct Author {
    header: Header,
    bytes: Vec<u8>,
    log: Vec<Numbered>,
    /// The hash of each action, from the first own one on.
    heads: Vec<ChainHead>,
}

/// What is to be written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) lines: Lines,
    pub(super) blobs: Vec<(BlobId, Vec<u8>)>,
}

impl Author {
    pub(super) fn new(name: &str) -> Self {
        Self::of(Header::new(SessionId::generate(), 0, Meta::new(name)))
    }

    fn of(header: Header) -> Self {
        let bytes = header.to_bytes().expect("a header has a form in JSON");
        Self { header, bytes, log: Vec::new(), heads: Vec::new() }
    }

    /// The author of a session that shares the first `at` actions of this one. They are this one's
    /// own.
    pub(super) fn fork(&self, at: u64) -> Self {
        let fork = Fork { at, head: self.head_before(at) };
        Self::of(self.header.fork(&fork, SessionId::generate(), 0, Meta::new("fork")))
    }

    /// The author of a fork that was brought here without what it was forked from: its log has all
    /// actions itself.
    pub(super) fn standing_alone(self) -> Self {
        Self::of(self.header.standing_alone())
    }

    pub(super) fn id(&self) -> SessionId {
        self.header.id
    }

    pub(super) fn header(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn new_session(&self) -> NewSession<'_> {
        NewSession::new(self.header.id, self.header.ancestors(), &self.bytes)
    }

    /// The session's own lines, in order.
    pub(super) fn log(&self) -> &[Numbered] {
        &self.log
    }

    /// The number of the next action.
    pub(super) fn next(&self) -> u64 {
        self.log.last().map_or_else(|| self.header.first_own(), |(seq, _)| seq + 1)
    }

    /// The hash of the action before this one.
    fn head_before(&self, seq: u64) -> ChainHead {
        match seq.checked_sub(self.header.first_own() + 1) {
            Some(at) => self.heads[usize::try_from(at).unwrap_or(usize::MAX)],
            None => self.header.before_own(),
        }
    }

    /// The next lines: notes of so many bytes each, of which the long ones need blobs.
    pub(super) fn notes(&mut self, lengths: impl IntoIterator<Item = usize>) -> Batch {
        let mut batch = Batch::default();
        for length in lengths {
            let seq = self.next();
            let mut text = format!("note {seq} of {} ", self.header.id);
            while text.len() < length {
                text.push_str(&ChainHead::of_text(&text).to_string());
            }
            assert!(text.len() < MAX_ACTION_BYTES, "a note of the suite is short");
            let action = encode_action(&Action::Note { text }).expect("a note has a form in JSON");
            let before = self.header.before(seq, self.head_before(seq));
            let at = batch.lines.as_bytes().len();
            let head = batch.lines.push(seq, |out| {
                write_frame(out, &before, |out| write_body(out, seq, seq, 0, &action))
            });
            let line = batch.lines.as_bytes()[at..].strip_suffix(b"\n").unwrap_or_default();
            self.log.push((seq, line.to_vec()));
            self.heads.push(head);
            batch.blobs.extend(action.blobs);
        }
        batch
    }

    /// All lines, where one says of the actions from `first` to `last` that they were dropped. They
    /// are what the log says from now on.
    pub(super) fn without(&mut self, first: u64, last: u64) -> Lines {
        let gap = Gap { first, head: self.head_before(last + 1), state: None };
        let before = self.header.before(first, self.head_before(first));
        let mut lines = Lines::default();
        for (seq, line) in &self.log {
            if *seq == last {
                lines.push(last, |out| {
                    write_frame(out, &before, |out| {
                        write_gap(out, last, &gap).expect("a gap has a form in JSON");
                    })
                });
            } else if *seq < first || *seq > last {
                lines.push_line(Line::new(*seq, line, "".as_ref()));
            }
        }
        self.log = lines.iter().map(|(seq, line)| (seq, line.to_vec())).collect();
        lines
    }

    /// All blobs that the lines need now.
    pub(super) fn blobs(&self) -> BTreeSet<BlobId> {
        let mut lines = Lines::default();
        for (seq, line) in &self.log {
            lines.push_line(Line::new(*seq, line, "".as_ref()));
        }
        lines.blobs()
    }
}
