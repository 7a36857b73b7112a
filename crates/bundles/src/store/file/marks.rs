//! The lines of a chunk that are no actions: how it begins, and how it is sealed.

use serde::Deserialize;

use crate::format::{ChainHead, Frame, SCHEMA, write_frame};
use crate::session::SessionId;

/// How a chunk begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    pub(super) schema: u32,
    pub(super) session: SessionId,
    /// The number of its first action.
    pub(super) seq: u64,
    /// The hash of the action before that.
    pub(super) after: ChainHead,
    /// Whether it ends in zeros until it is sealed, because room was made before it was used.
    pub(super) preallocated: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BeginBody {
    begin: Begin,
}

impl Begin {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Self { schema, session, seq, after, preallocated } = self;
        let body = format!(
            r#"{{"begin":{{"schema":{schema},"session":"{session}","seq":{seq},"after":"{after}","preallocated":{preallocated}}}}}"#
        );
        write_frame(out, &before(), |out| out.extend_from_slice(body.as_bytes()));
    }

    /// The schema of a line without its end, if it is a newer one, whatever else the line says.
    pub(super) fn newer(line: &[u8]) -> Option<u32> {
        #[derive(Deserialize)]
        struct Newer {
            begin: Schema,
        }
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
        }
        let frame = Frame::read(line)?;
        frame.follow(&before())?;
        let Newer { begin: Schema { schema } } = serde_json::from_slice(frame.body).ok()?;
        (schema > SCHEMA).then_some(schema)
    }

    /// Reads a line without its end; `None` if it is no such line, or damaged.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let frame = Frame::read(line)?;
        frame.follow(&before())?;
        serde_json::from_slice::<BeginBody>(frame.body).ok().map(|body| body.begin)
    }
}

/// Writes that a chunk ends before action `seq`, whose predecessor has this hash.
pub(super) fn write_seal(out: &mut Vec<u8>, seq: u64, head: &ChainHead) {
    let body = format!(r#"{{"seal":{{"schema":{SCHEMA},"seq":{seq}}}}}"#);
    write_frame(out, head, |out| out.extend_from_slice(body.as_bytes()));
}

/// Whether the line is the one that seals a chunk there.
pub(super) fn is_seal(line: &[u8], seq: u64, head: &ChainHead) -> bool {
    let mut expected = Vec::new();
    write_seal(&mut expected, seq, head);
    expected.strip_suffix(b"\n") == Some(line)
}

/// What stands before a chunk's first line.
fn before() -> ChainHead {
    ChainHead::of_text("maniple bundle chunk")
}
