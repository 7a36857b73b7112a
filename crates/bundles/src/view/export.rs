//! A session as one text.
//!
//! Each line is a frame: the first says what the session is, the last how much there was, and
//! between them are the lines of the log as they stand, each behind the blobs that it is the first to
//! need. All are chained, so that nothing can be changed, left out or cut off unnoticed.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::SessionView;
use crate::error::{Attempt, BundleError, Damage};
use crate::format::{BlobId, ChainHead, Frame, SCHEMA, write_frame};
use crate::log::{Chain, Step};
use crate::session::{Header, SessionId};
use crate::store::lines::{blobs_of, seq_of};
use crate::store::{BundleStore, Commit, Document, Line, Lines, NewSession, SessionWriter};

/// The longest line of an export that is read.
const MAX_LINE_BYTES: u64 = 256 * 1024 * 1024;

/// How many bytes are imported at once.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// How many actions the session has.
    pub actions: u64,
    /// How many blobs go with it.
    pub blobs: u64,
    /// How long the text is, in bytes.
    pub bytes: u64,
}

/// A line of an export.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Part<'a> {
    Session {
        schema: u32,
        header: Header,
    },
    Blob {
        content: Cow<'a, str>,
    },
    Line {
        #[serde(borrow)]
        line: &'a RawValue,
    },
    End {
        actions: u64,
        head: ChainHead,
        blobs: u64,
    },
}

fn before() -> ChainHead {
    ChainHead::of_text("maniple bundle export")
}

pub(super) fn export(view: &SessionView, out: impl Write) -> Result<Exported, BundleError> {
    let mut out = Out { text: BufWriter::new(out), head: before(), bytes: 0, buffer: Vec::new() };
    let header = view.header().clone().standing_alone();
    out.write(&Part::Session { schema: SCHEMA, header })?;
    view.with_once(|log, reader| {
        let mut chain = Chain::from_the_beginning(view.header());
        let mut blobs = BTreeSet::new();
        log.replay(&mut chain, u64::MAX, &mut |step, line| {
            if let Step::Action(action) = step {
                for id in action.blobs() {
                    if blobs.insert(id) {
                        // A blob is a piece of a JSON text, which was cut between characters.
                        let content = log.blob(id)?;
                        let content = str::from_utf8(&content).map_err(|_| BundleError::Blob {
                            dir: reader.location().to_owned(),
                            blob: id,
                            is_missing: false,
                        })?;
                        out.blob(content)?;
                    }
                }
            }
            out.line(line)?;
            Ok(ControlFlow::Continue(()))
        })?;
        let blobs = u64::try_from(blobs.len()).unwrap_or(u64::MAX);
        let (actions, head) = (chain.actions(), chain.head());
        out.write(&Part::End { actions, head, blobs })?;
        out.text.flush().attempt("write", path())?;
        Ok(Exported { actions, blobs, bytes: out.bytes })
    })
}

struct Out<W: Write> {
    text: BufWriter<W>,
    head: ChainHead,
    bytes: u64,
    buffer: Vec<u8>,
}

impl<W: Write> Out<W> {
    fn blob(&mut self, content: &str) -> Result<(), BundleError> {
        self.write(&Part::Blob { content: content.into() })
    }

    fn line(&mut self, line: Line<'_>) -> Result<(), BundleError> {
        let line = serde_json::from_slice(line.bytes())
            .map_err(|source| BundleError::Encode { source: source.into() })?;
        self.write(&Part::Line { line })
    }

    fn write(&mut self, part: &Part<'_>) -> Result<(), BundleError> {
        let body = serde_json::to_vec(part)
            .map_err(|source| BundleError::Encode { source: source.into() })?;
        self.buffer.clear();
        self.head = write_frame(&mut self.buffer, &self.head, |out| out.extend_from_slice(&body));
        self.bytes += u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        self.text.write_all(&self.buffer).attempt("write", path())
    }
}

/// Reads an export, first to check all of it, and then to write it. Returns the session, which is
/// complete.
///
/// An import that was cut short goes on where it stopped.
pub(crate) fn import(
    store: &dyn BundleStore,
    mut input: impl Read + Seek,
) -> Result<SessionId, BundleError> {
    let (header, actions) = {
        let mut parts = Parts::new(&mut input);
        let header = parts.header()?;
        let mut check = Check { chain: Chain::from_the_beginning(&header), blobs: BTreeSet::new() };
        while let Some(line) = parts.next()? {
            check.take(line.part()?, line)?;
        }
        let actions = check.chain.actions();
        (header, actions)
    };
    input.seek(SeekFrom::Start(0)).attempt("read", path())?;
    let (id, bytes) = (header.id, header.to_bytes()?);
    let mut writer = match store.create(&NewSession::new(id, header.ancestors(), &bytes)) {
        Err(BundleError::AlreadyExists { .. }) => begun(store, id, &bytes)?,
        created => created?,
    };
    let last = writer.last()?;
    if last.as_ref().is_some_and(|(last, _)| *last >= actions) {
        return Err(BundleError::AlreadyExists { id });
    }
    let mut put = Put { writer: &mut *writer, last, lines: Lines::default(), id };
    let mut parts = Parts::new(&mut input);
    parts.header()?;
    while let Some(line) = parts.next()? {
        put.take(line.part()?)?;
    }
    put.commit()?;
    writer.close()?;
    Ok(id)
}

/// A session that an import began. So may be one that nobody has closed yet, if its log goes on as
/// the export does.
fn begun(
    store: &dyn BundleStore,
    id: SessionId,
    header: &[u8],
) -> Result<Box<dyn SessionWriter>, BundleError> {
    let writer = match store.open(id) {
        Err(BundleError::Deleted { .. } | BundleError::OpenElsewhere { .. }) => {
            return Err(BundleError::AlreadyExists { id });
        }
        opened => opened?,
    };
    // An import that was cut short leaves no card.
    let is_begun = writer.document(Document::Header)?.as_deref() == Some(header)
        && writer.document(Document::Card)?.is_none();
    if is_begun { Ok(writer) } else { Err(BundleError::AlreadyExists { id }) }
}

fn path() -> &'static Path {
    "the export".as_ref()
}

/// The lines of an export, each checked.
struct Parts<R> {
    input: BufReader<R>,
    head: ChainHead,
    line: Vec<u8>,
    number: u64,
    offset: u64,
    is_over: bool,
}

/// A line of an export, without its end.
#[derive(Clone, Copy)]
struct Whole<'a> {
    body: &'a [u8],
    number: u64,
    offset: u64,
}

impl<R: Read> Parts<R> {
    fn new(input: R) -> Self {
        let input = BufReader::with_capacity(256 * 1024, input);
        Self { input, head: before(), line: Vec::new(), number: 0, offset: 0, is_over: false }
    }

    fn header(&mut self) -> Result<Header, BundleError> {
        let line = self.next()?;
        let missing = || damaged(1, 0, Damage::Missing);
        let line = line.ok_or_else(missing)?;
        if let Some(found) = newer(line.body) {
            let path = path().to_owned();
            return Err(BundleError::NewerSchema { path, line: 1, found, known: SCHEMA });
        }
        match line.part()? {
            // Whatever it says: what it has of others is in the export.
            Part::Session { header, .. } => Ok(header.standing_alone()),
            _ => Err(damaged(1, 0, Damage::Malformed)),
        }
    }

    /// The next line; `None` behind the last.
    fn next(&mut self) -> Result<Option<Whole<'_>>, BundleError> {
        self.offset += u64::try_from(self.line.len()).unwrap_or(u64::MAX);
        self.number += 1;
        self.line.clear();
        let (number, offset) = (self.number, self.offset);
        let mut limited = (&mut self.input).take(MAX_LINE_BYTES);
        limited.read_until(b'\n', &mut self.line).attempt("read", path())?;
        if self.line.is_empty() {
            // Behind the end nothing is expected, and before it everything.
            return if self.is_over {
                Ok(None)
            } else {
                Err(damaged(number, offset, Damage::Missing))
            };
        }
        if self.is_over {
            return Err(damaged(number, offset, Damage::Foreign));
        }
        let line = self.line.strip_suffix(b"\n");
        let frame = line.and_then(Frame::read);
        let frame = frame.ok_or_else(|| damaged(number, offset, Damage::Malformed))?;
        self.head =
            frame.follow(&self.head).ok_or_else(|| damaged(number, offset, Damage::BrokenChain))?;
        self.is_over = frame.body.starts_with(br#"{"end":"#);
        Ok(Some(Whole { body: frame.body, number, offset }))
    }
}

impl<'a> Whole<'a> {
    fn part(self) -> Result<Part<'a>, BundleError> {
        serde_json::from_slice(self.body).map_err(|source| BundleError::Unintelligible {
            path: path().to_owned(),
            line: self.number,
            source: source.into(),
        })
    }
}

/// The schema of the first line, or of the header in it, if it is a newer one.
fn newer(first: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Newer {
        session: Schemas,
    }
    #[derive(Deserialize)]
    struct Schemas {
        schema: u32,
        header: Schema,
    }
    #[derive(Deserialize)]
    struct Schema {
        schema: u32,
    }
    let Newer { session: Schemas { schema, header } } = serde_json::from_slice(first).ok()?;
    let found = schema.max(header.schema);
    (found > SCHEMA).then_some(found)
}

fn damaged(line: u64, offset: u64, found: Damage) -> BundleError {
    BundleError::Damaged { path: path().to_owned(), line, offset, found }
}

/// Checks that the log is whole, and that every blob is there that it needs.
struct Check<'a> {
    chain: Chain<'a>,
    blobs: BTreeSet<BlobId>,
}

impl Check<'_> {
    fn take(&mut self, part: Part<'_>, at: Whole<'_>) -> Result<(), BundleError> {
        match part {
            Part::Session { .. } => Err(damaged(at.number, at.offset, Damage::Malformed)),
            Part::Blob { content } => {
                self.blobs.insert(BlobId::of(content.as_bytes()));
                Ok(())
            }
            Part::Line { line } => {
                let bytes = line.get().as_bytes();
                let line = Line::new(self.chain.actions(), bytes, path()).at(at.number, at.offset);
                self.chain.follow(bytes).map_err(|flaw| flaw.at(line))?;
                match blobs_of(bytes).into_iter().find(|id| !self.blobs.contains(id)) {
                    Some(blob) => {
                        Err(BundleError::Blob { dir: path().to_owned(), blob, is_missing: true })
                    }
                    None => Ok(()),
                }
            }
            Part::End { actions, head, .. } => {
                if (actions, head) == (self.chain.actions(), self.chain.head()) {
                    Ok(())
                } else {
                    Err(damaged(at.number, at.offset, Damage::Missing))
                }
            }
        }
    }
}

/// Writes what is not there yet.
struct Put<'a> {
    writer: &'a mut dyn SessionWriter,
    /// The last line that was there before.
    last: Option<(u64, Vec<u8>)>,
    lines: Lines,
    id: SessionId,
}

impl Put<'_> {
    fn take(&mut self, part: Part<'_>) -> Result<(), BundleError> {
        match part {
            Part::Blob { content } => {
                let content = content.as_bytes();
                self.writer.put_blob(BlobId::of(content), content)
            }
            Part::Line { line } => {
                let bytes = line.get().as_bytes();
                let seq = seq_of(bytes).unwrap_or_default();
                match &self.last {
                    Some((last, _)) if seq < *last => Ok(()),
                    // By its hash it stands for everything before it.
                    Some((last, same)) if seq == *last && same == bytes => Ok(()),
                    Some((last, _)) if seq == *last => {
                        Err(BundleError::AlreadyExists { id: self.id })
                    }
                    _ => {
                        self.lines.push_line(Line::new(seq, bytes, path()));
                        if self.lines.as_bytes().len() < BATCH_BYTES {
                            Ok(())
                        } else {
                            self.commit()
                        }
                    }
                }
            }
            Part::Session { .. } | Part::End { .. } => Ok(()),
        }
    }

    fn commit(&mut self) -> Result<(), BundleError> {
        self.writer.append(&self.lines, Commit::Buffered)?;
        self.lines.clear(BATCH_BYTES);
        Ok(())
    }
}
