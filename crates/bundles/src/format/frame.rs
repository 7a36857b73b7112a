use memchr::memmem;

use super::{ChainHead, SCHEMA};
use crate::store::file::broken::Rule;

/// How a frame begins. Nothing else in a log does, because an action is written without it.
pub(crate) const OPEN: &[u8] = br#"{"h":""#;
const DIGITS: usize = 64;
const MIDDLE: &[u8] = br#"","b":"#;
const CLOSE: &[u8] = b"}";

/// Writes a frame and its line end around the body that `write` gives, and returns the new head.
pub(crate) fn write_frame(
    out: &mut Vec<u8>,
    previous: &ChainHead,
    write: impl FnOnce(&mut Vec<u8>),
) -> ChainHead {
    out.extend_from_slice(OPEN);
    let digits_at = out.len();
    out.resize(digits_at + DIGITS, b'0');
    out.extend_from_slice(MIDDLE);
    let body_at = out.len();
    write(out);
    let head = previous.followed_by(&out[body_at..]);
    out[digits_at..digits_at + DIGITS].copy_from_slice(&head.digits());
    out.extend_from_slice(CLOSE);
    out.push(b'\n');
    head
}

/// The parts of a line that has the form of a frame; whether its hash is right is another question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    digits: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads a line without its end.
    pub(crate) fn read(line: &'a [u8]) -> Option<Self> {
        let (digits, rest) = line.strip_prefix(OPEN)?.split_at_checked(DIGITS)?;
        let body = rest.strip_prefix(MIDDLE)?.strip_suffix(CLOSE)?;
        Some(Self { digits, body })
    }

    /// The head after this frame, if its hash continues `previous`.
    pub(crate) fn follow(&self, previous: &ChainHead) -> Option<ChainHead> {
        let head = previous.followed_by(self.body);
        (head.digits() == self.digits).then_some(head)
    }

    /// The head that the frame says it has.
    pub(crate) fn stated_head(&self) -> Option<ChainHead> {
        ChainHead::from_digits(self.digits)
    }

    /// The number of the action that the line is about, or of the last that it stands for.
    pub(crate) fn seq(&self) -> Option<u64> {
        Some(number(self.body.strip_prefix(br#"{"seq":"#)?)?.0)
    }

    /// What the beginning of the body says.
    pub(crate) fn claims(&self) -> Option<Claims> {
        Claims::read(self.body)
    }
}

/// What the beginning of a body says, whatever follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claims {
    /// The line of an action: its number, and how many actions were durable when it was written.
    Action { seq: u64, synced: u64 },
    /// Something else with a number: a gap, or the line of another schema.
    Numbered { seq: u64 },
    /// The chunk is sealed here.
    Seal,
}

impl Claims {
    fn read(body: &[u8]) -> Option<Self> {
        if body.starts_with(br#"{"seal":{"#) {
            return Some(Self::Seal);
        }
        let (seq, rest) = number(body.strip_prefix(br#"{"seq":"#)?)?;
        if rest.starts_with(br#""gap":"#) {
            return Some(Self::Numbered { seq });
        }
        if Rule::TornIsNoEvidence.is_broken() {
            return Some(Self::Numbered { seq });
        }
        // A torn line says nothing, so all of it is looked for.
        let (_, rest) = number(rest.strip_prefix(br#""time":"#)?)?;
        let (schema, rest) = number(rest.strip_prefix(br#""schema":"#)?)?;
        if schema != u64::from(SCHEMA) {
            return Some(Self::Numbered { seq });
        }
        let (synced, _) = number(rest.strip_prefix(br#""synced":"#)?)?;
        Some(Self::Action { seq, synced })
    }
}

/// A number that ends with a comma, and what follows. Without the comma it may have been torn.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = None;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                let before: u64 = number.unwrap_or(0);
                number = Some(before.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?);
            }
            b',' => return Some((number?, text.get(at + 1..)?)),
            _ => return None,
        }
    }
    None
}

/// Whether anything in these bytes shows that action `seq`, which is not readable before them, was
/// durable once: then it is damaged, and not torn.
///
/// Frames are looked for anywhere, because a lost line end glues one to the line before it.
pub(crate) fn evidence(bytes: &[u8], seq: u64) -> bool {
    memmem::find_iter(bytes, OPEN).any(|at| {
        let claims = bytes
            .get(at + OPEN.len() + DIGITS..)
            .and_then(|rest| rest.strip_prefix(MIDDLE))
            .and_then(Claims::read);
        match claims {
            Some(Claims::Action { synced, .. }) => synced > seq,
            // Both are written behind a sync.
            Some(Claims::Seal | Claims::Numbered { .. }) => true,
            None => false,
        }
    })
}
