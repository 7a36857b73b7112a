use super::ChainHead;

const OPEN: &[u8] = br#"{"h":""#;
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
#[derive(Debug)]
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
}

/// Whether a frame begins anywhere in these bytes.
///
/// It is generous on purpose, because it protects lines from being erased: the end of the line, and
/// what the body says, are not looked at.
pub(crate) fn has_frame_start(bytes: &[u8]) -> bool {
    let is_start = |rest: &[u8]| {
        let (digits, rest) = rest.strip_prefix(OPEN)?.split_at_checked(DIGITS)?;
        let hex = digits.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        (hex && rest.starts_with(MIDDLE)).then_some(())
    };
    // The first byte of a frame is rare enough in a damaged line, and cheap to look for.
    (0..bytes.len()).filter(|&at| bytes[at] == OPEN[0]).any(|at| is_start(&bytes[at..]).is_some())
}
