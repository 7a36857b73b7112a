//! What in a log speaks of something that went wrong.

use super::scan::Status;

/// How much a record is worth hearing, the more the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) enum Severity {
    /// Nothing in it stands out.
    #[default]
    Calm,
    /// It speaks of something unusual, or of something that is made good.
    Notice,
    /// A warning, an error or a stack trace.
    Alarm,
}

impl From<Status> for Severity {
    fn from(status: Status) -> Self {
        match status {
            Status::Fine => Self::Calm,
            Status::Refused => Self::Notice,
            Status::Failed => Self::Alarm,
        }
    }
}

/// What alarms or is worth notice wherever in an identifier it stands (`onConnectionFailed`,
/// `ERR_TIMEOUT`), by its first letter.
fn stems(letter: u8) -> &'static [(&'static str, Severity)] {
    use Severity::{Alarm, Notice};
    match letter {
        b'a' => &[("abort", Alarm)],
        b'c' => &[
            ("cannot", Alarm),
            ("conflict", Notice),
            ("corrupt", Alarm),
            ("couldn", Alarm),
            ("crash", Alarm),
            ("critical", Alarm),
        ],
        b'd' => &[
            ("deadlock", Alarm),
            ("degrad", Notice),
            ("denied", Alarm),
            ("deprecat", Notice),
            ("discard", Notice),
            ("disconnect", Notice),
        ],
        b'e' => &[
            ("emergenc", Alarm),
            ("error", Alarm),
            ("exceed", Alarm),
            ("exception", Alarm),
            ("exhaust", Alarm),
            ("expire", Notice),
        ],
        b'f' => &[("fail", Alarm), ("fatal", Alarm), ("fault", Alarm), ("forbidden", Alarm)],
        b'i' => &[
            ("illegal", Alarm),
            ("insufficient", Alarm),
            ("interrupt", Notice),
            ("invalid", Alarm),
        ],
        b'k' => &[("killed", Alarm)],
        b'm' => &[("mismatch", Notice), ("missing", Notice)],
        b'o' => &[("overflow", Alarm)],
        b'p' => &[("panic", Alarm)],
        b'r' => &[
            ("refused", Alarm),
            ("reject", Alarm),
            ("restart", Notice),
            ("retries", Notice),
            ("retry", Notice),
            ("rollback", Notice),
        ],
        b's' => &[("segfault", Alarm), ("severe", Alarm), ("stale", Notice), ("suspend", Notice)],
        b't' => &[
            ("terminat", Notice),
            ("timedout", Alarm),
            ("timeout", Alarm),
            ("traceback", Alarm),
            ("truncat", Notice),
        ],
        b'u' => &[
            ("unable", Alarm),
            ("unauthori", Alarm),
            ("unavailable", Alarm),
            ("undefined", Notice),
            ("unexpected", Notice),
            ("unknown", Notice),
            ("unreachable", Alarm),
            ("unrecogni", Notice),
            ("unresponsive", Notice),
            ("unsupported", Notice),
        ],
        b'v' => &[("violat", Alarm)],
        b'w' => &[("warn", Alarm)],
        _ => &[],
    }
}

/// What holds one of those, and means another thing.
const HARMLESS: &[&str] = &["default", "failover"];
/// Words that count only alone: longer ones that hold them mean something else.
const ALARMING_ALONE: &[&str] = &["alert", "bug", "crit", "emerg", "err", "oom", "sev", "wrn"];
const NOTABLE_ALONE: &[&str] =
    &["bad", "dead", "down", "drop", "dropped", "lost", "null", "reset", "slow", "stuck", "wrong"];
/// Two words, of which neither says it alone.
const ALARMING_PAIRS: &[(&str, &str)] = &[
    ("broken", "pipe"),
    ("can", "t"),
    ("could", "not"),
    ("no", "response"),
    ("no", "route"),
    ("no", "space"),
    ("no", "such"),
    ("not", "exist"),
    ("not", "found"),
    ("not", "permitted"),
    ("not", "responding"),
    ("out", "of"),
    ("timed", "out"),
];
const LONGEST_IN_PAIR: usize = 10;
/// Marks of a level that are one letter, alone among the first words or before digits or a slash.
const LEVEL_WITHIN: usize = 6;

/// Judges the text of a record by its words.
pub(crate) fn judge(text: &str) -> Severity {
    if has_level_letter(text) {
        return Severity::Alarm;
    }
    let mut found = Severity::Calm;
    let mut before: &[u8] = &[];
    let words = text.as_bytes().split(|byte| !byte.is_ascii_alphabetic());
    for word in words.filter(|word| !word.is_empty()) {
        found = found.max(judge_word(word)).max(judge_pair(before, word));
        if found == Severity::Alarm {
            return found;
        }
        before = word;
    }
    found
}

fn judge_word(word: &[u8]) -> Severity {
    let mut found = Severity::Calm;
    for at in 0..word.len() {
        for (stem, severity) in stems(word[at].to_ascii_lowercase()) {
            if *severity > found && begins_with(&word[at..], stem) && !is_harmless(word) {
                found = *severity;
            }
        }
    }
    let is_any = |names: &[&str]| names.iter().any(|name| is(word, name));
    if found == Severity::Alarm || is_any(ALARMING_ALONE) {
        Severity::Alarm
    } else if is_any(NOTABLE_ALONE) {
        Severity::Notice
    } else {
        found
    }
}

fn judge_pair(before: &[u8], word: &[u8]) -> Severity {
    let may_be = before.len().max(word.len()) <= LONGEST_IN_PAIR;
    let is_pair = |(first, second): &(&str, &str)| is(word, second) && is(before, first);
    if may_be && ALARMING_PAIRS.iter().any(is_pair) { Severity::Alarm } else { Severity::Calm }
}

fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

fn begins_with(word: &[u8], stem: &str) -> bool {
    word.get(..stem.len()).is_some_and(|start| is(start, stem))
}

fn is_harmless(word: &[u8]) -> bool {
    HARMLESS.iter().any(|harmless| word.windows(harmless.len()).any(|part| is(part, harmless)))
}

/// Whether the level stands there as one letter, as in `E/Tag`, `W0102 …` or `… F component`.
fn has_level_letter(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace().take(LEVEL_WITHIN).enumerate();
    words.any(|(at, word)| match word.as_bytes() {
        [b'E' | b'F' | b'W'] => at > 0,
        [b'E' | b'F' | b'W', b'/', ..] => true,
        [b'E' | b'F' | b'W', digits @ ..] => {
            at == 0 && digits.len() == 4 && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_heard_in_any_spelling() {
        for text in [
            "2024-01-01 ERROR x",
            "onConnectionFailed(3)",
            "code=ERR_DATA",
            "E/Tag: gone",
            "W0102 10:00:00 file.cc:12] x",
            "open /etc/x: No such file or directory",
            "read tcp: i/o timeout",
            "connect: Connection refused",
            "level=warning msg=x",
            "java.io.IOException",
            "the request timed out",
            "file does not exist",
            "01-02 10:00:00 12 13 E Tag: x",
        ] {
            assert_eq!(judge(text), Severity::Alarm, "{text}");
        }
    }

    #[test]
    fn what_is_usual_is_not() {
        for text in ["INFO started in 3 ms", "the default was taken", "GET /x 200", "E is a letter"]
        {
            assert_eq!(judge(text), Severity::Calm, "{text}");
        }
        assert_eq!(judge("INFO retrying in 3 s"), Severity::Notice);
    }
}
