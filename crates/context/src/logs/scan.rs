//! Splits one line into tokens, in which what looks like a value is masked.

use crate::hash::mix;

/// Tokens and fields of a line beyond these are still part of its shape, but are not looked at one
/// by one, so that a line of any length takes bounded memory.
const MOST_TOKENS: usize = 256;
const MOST_FIELDS: usize = 48;
/// Of a list of values so many are looked at; how long it is makes no difference.
const MOST_IN_LIST: usize = 3;
/// A time further into the line than this is not the time of the line.
const STAMP_WITHIN: usize = 64;
/// More digits than this are an identifier, whose extremes say nothing.
const NUMBER_DIGITS: usize = 12;

const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const NOT_HEX: u8 = 4;
const SPACE: u8 = 8;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
        let byte = at as u8;
        classes[at] = if byte.is_ascii_digit() {
            DIGIT
        } else if byte.is_ascii_hexdigit() {
            LETTER
        } else if byte.is_ascii_alphabetic() || byte >= 0x80 {
            LETTER | NOT_HEX
        } else if byte.is_ascii_whitespace() || byte == 0x0b {
            SPACE
        } else {
            0
        };
        at += 1;
    }
    classes
}

fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// What a masked part of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// A number, of which the least and the greatest tell something.
    Number,
    /// A time or a date, of which the first and the last tell something.
    Time,
    /// An identifier, an address or a path.
    Opaque,
}

/// A masked part of a line, by its bytes in the line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: FieldKind,
    /// The token that it is in.
    pub(super) token: usize,
}

/// A part of a line between two white spaces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Of its text, with all fields as one and the same.
    pub(super) hash: u64,
    /// Whether it has letters outside of its fields.
    pub(super) is_word: bool,
}

/// How bad the status codes of a line are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Status {
    #[default]
    Fine,
    Refused,
    Failed,
}

/// What was found in a line. It is used again for the next.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) tokens: Vec<Token>,
    pub(super) fields: Vec<Field>,
    /// Equal for lines that differ in their fields alone.
    pub(super) shape: u64,
    pub(super) status: Status,
    pub(super) is_stamped: bool,
    token: usize,
}

impl Scan {
    pub(super) fn line(&mut self, line: &str) {
        let bytes = line.as_bytes();
        self.tokens.clear();
        self.fields.clear();
        (self.status, self.is_stamped, self.token) = (Status::Fine, false, 0);
        let (mut shape, mut before, mut repeated) = (1, 0, 0);
        let mut at = 0;
        while at < bytes.len() {
            if class(bytes[at]) == SPACE {
                at += 1;
                continue;
            }
            let fields = self.fields.len();
            let token = self.token(bytes, at);
            at = token.end;
            let repeats = !token.is_word && token.hash == before;
            repeated = if repeats { repeated + 1 } else { 1 };
            if repeated > MOST_IN_LIST {
                self.fields.truncate(fields);
                continue;
            }
            before = token.hash;
            shape = mix(shape, token.hash);
            if self.tokens.len() < MOST_TOKENS {
                self.tokens.push(token);
            }
            self.token += 1;
        }
        self.shape = mix(shape, self.status as u64);
    }

    fn token(&mut self, bytes: &[u8], start: usize) -> Token {
        let mut hash = 0;
        let mut is_word = false;
        let mut at = start;
        while at < bytes.len() {
            let byte = bytes[at];
            match class(byte) {
                SPACE => break,
                0 => {
                    if let Some(end) = path_end(bytes, at) {
                        self.field(at, end, FieldKind::Opaque);
                        hash = mix(hash, 1);
                        at = end;
                    } else {
                        let is_sign = byte == b'-'
                            && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)
                            && (at == start || class(bytes[at - 1]) == 0);
                        if !is_sign {
                            hash = mix(hash, u64::from(byte));
                        }
                        at += 1;
                    }
                }
                _ => (at, hash) = self.run(bytes, at, hash, &mut is_word),
            }
        }
        Token { start, end: at, hash, is_word }
    }

    /// Takes letters and digits, and what belongs to a number that they begin.
    fn run(&mut self, bytes: &[u8], at: usize, before: u64, is_word: &mut bool) -> (usize, u64) {
        let (mut end, mut hash, mut all) = (at, before, 0);
        while let Some(&byte) = bytes.get(end)
            && class(byte) & (LETTER | DIGIT) != 0
        {
            all |= class(byte);
            hash = mix(hash, u64::from(byte));
            end += 1;
        }
        if all & DIGIT == 0 {
            *is_word = true;
            return (end, hash);
        }
        let masked = mix(before, 1);
        if let Some(end) = uuid_end(bytes, at) {
            self.field(at, end, FieldKind::Opaque);
            return (end, masked);
        }
        if all == DIGIT {
            let (end, kind) = number_end(bytes, at, end);
            let start = at - usize::from(at > 0 && bytes[at - 1] == b'-' && signs(bytes, at - 1));
            self.is_stamped |= kind == FieldKind::Time && at < STAMP_WITHIN;
            self.status = self.status.max(status(bytes, at, end));
            self.field(start, end, kind);
            return (end, masked);
        }
        let run = &bytes[at..end];
        let is_hex = all & NOT_HEX == 0 && run.len() >= 4 || run.starts_with(b"0x");
        if is_hex || looks_random(run) {
            self.field(at, end, FieldKind::Opaque);
            return (end, masked);
        }
        hash = before;
        let mut at = at;
        while at < end {
            if class(bytes[at]) == DIGIT {
                let stop = digits_end(bytes, at);
                self.field(at, stop, FieldKind::Number);
                (hash, at) = (mix(hash, 1), stop);
            } else {
                *is_word = true;
                (hash, at) = (mix(hash, u64::from(bytes[at])), at + 1);
            }
        }
        (end, hash)
    }

    fn field(&mut self, start: usize, end: usize, kind: FieldKind) {
        let kind = match kind {
            FieldKind::Number if end - start > NUMBER_DIGITS => FieldKind::Opaque,
            kind => kind,
        };
        if self.fields.len() < MOST_FIELDS {
            self.fields.push(Field { start, end, kind, token: self.token });
        }
    }
}

/// Whether a dash at `at` is the sign of what follows, rather than between two words.
fn signs(bytes: &[u8], at: usize) -> bool {
    at == 0 || class(bytes[at - 1]) & (LETTER | DIGIT) == 0
}

fn digits_end(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The end of a number, date, time or address whose first digits end at `end`.
fn number_end(bytes: &[u8], start: usize, mut end: usize) -> (usize, FieldKind) {
    let (mut dots, mut colons, mut dashes) = (0, 0, 0);
    let mut is_clock = end - start <= 2;
    while let &[separator, b'0'..=b'9', ..] = &bytes[end..] {
        let stop = digits_end(bytes, end + 1);
        let is_pair = stop - end <= 3;
        match separator {
            b'.' => dots += 1,
            b':' => (colons, is_clock) = (colons + 1, is_clock && (is_pair || colons == 2)),
            b'-' | b'/' if colons == 0 => (dashes, is_clock) = (dashes + 1, is_pair),
            b'T' if dashes == 2 => is_clock = is_pair,
            b',' if colons == 2 => {}
            _ => break,
        }
        end = stop;
    }
    let kind = match (dots, colons, dashes) {
        (0 | 1, 0, 0) => FieldKind::Number,
        (0 | 1, 2 | 3, 0..=2) if is_clock => FieldKind::Time,
        (0, 0, 2) if end - start >= 8 => FieldKind::Time,
        _ => FieldKind::Opaque,
    };
    (end, kind)
}

fn uuid_end(bytes: &[u8], at: usize) -> Option<usize> {
    let uuid = bytes.get(at..at + 36)?;
    let matches = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    (uuid[8] == b'-' && uuid.iter().enumerate().all(matches)).then_some(at + 36)
}

/// Whether letters and digits alternate as they do in an identifier that a program made up.
fn looks_random(run: &[u8]) -> bool {
    let changes = run.windows(2).filter(|two| two[0].is_ascii_digit() != two[1].is_ascii_digit());
    run.len() >= 12 && changes.take(3).count() == 3
}

/// The end of an absolute path or of what follows the scheme of an address.
fn path_end(bytes: &[u8], at: usize) -> Option<usize> {
    let before = at.checked_sub(1).map(|at| bytes[at]);
    let is_start = match (bytes[at], bytes.get(at + 1)?) {
        (b'/', b'/') => before == Some(b':'),
        (b'/', next) => {
            before.is_none_or(|before| class(before) & (LETTER | DIGIT) == 0 && before != b'/')
                && (class(*next) & LETTER != 0 || matches!(next, b'.' | b'_' | b'~'))
        }
        (b'\\', next) => before == Some(b':') && class(*next) & LETTER != 0,
        _ => false,
    };
    if !is_start {
        return None;
    }
    let is_address = bytes.get(at + 1) == Some(&b'/');
    let is_part = |byte: &&u8| match **byte {
        b'"' | b'\'' | b',' | b';' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>'
        | b'|' | b'=' => false,
        b':' => is_address,
        byte => class(byte) != SPACE,
    };
    let end = at + bytes[at..].iter().take_while(is_part).count();
    (end - at >= 3).then_some(end)
}

/// What a number says by being an exit code or the status of a response.
fn status(bytes: &[u8], start: usize, end: usize) -> Status {
    if end - start > 3 {
        return Status::Fine;
    }
    let value = bytes[start..end].iter().fold(0, |value, digit| match digit {
        b'0'..=b'9' => value * 10 + u32::from(digit - b'0'),
        _ => 0,
    });
    let (words, gap) = word_before(bytes, start);
    let (earlier, _) = word_before(bytes, start - gap - words.len());
    let is = |word: &[u8], names: &[&str]| {
        names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    let is_exit = is(words, &["exitcode", "returncode", "rc"])
        || is(words, &["code", "status", "with"]) && is(earlier, &["exit", "exited", "return"]);
    let after_request = start >= 2 && bytes[start - 2..start] == *b"\" ";
    let is_response = end - start == 3 && (after_request || is(words, &["status", "code", "http"]));
    match value {
        1.. if is_exit => Status::Failed,
        500..600 if is_response => Status::Failed,
        400..500 if is_response => Status::Refused,
        _ => Status::Fine,
    }
}

/// The word that ends before `end`, and how many other bytes stand between, at most three.
fn word_before(bytes: &[u8], end: usize) -> (&[u8], usize) {
    let is_letter = |byte: &&u8| class(**byte) & LETTER != 0;
    let gap = bytes[..end].iter().rev().take(3).take_while(|byte| !is_letter(byte)).count();
    let end = end - gap;
    let letters = bytes[..end].iter().rev().take(12).take_while(is_letter).count();
    (&bytes[end - letters..end], gap)
}
