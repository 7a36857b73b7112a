use std::collections::HashMap;
use std::fmt;

use super::Query;
use super::stem::English;
use super::words::{each_form, each_word};

/// How often a text says each term of a query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TermCounts {
    length: u64,
    counts: Vec<u32>,
}

impl TermCounts {
    /// The length of the text in words.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The occurrences of each term, in the order of [`Query::terms`].
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The counts of two texts taken as one, by the same query.
    pub fn merge(mut self, other: &Self) -> Self {
        self.length += other.length;
        self.counts.resize(self.counts.len().max(other.counts.len()), 0);
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self
    }
}

/// Counts the terms of a query in many texts; made by [`Query::scanner`].
///
/// Only a word that begins like a term is stemmed, and each of those once.
pub struct Scanner<'q> {
    query: &'q Query,
    stemmer: English,
    openings: Openings,
    known: HashMap<Box<str>, Option<usize>>,
    buffer: String,
}

/// Bounds the memory for a text of endlessly new words.
const MOST_KNOWN: usize = 1 << 16;

impl<'q> Scanner<'q> {
    pub(super) fn new(query: &'q Query) -> Self {
        let mut openings = Openings::default();
        for term in query.terms() {
            openings.insert(term.as_str().as_bytes());
        }
        Self {
            query,
            stemmer: English::new(),
            openings,
            known: HashMap::new(),
            buffer: String::new(),
        }
    }

    /// Counts the query's terms in one text.
    pub fn count(&mut self, text: &str) -> TermCounts {
        let mut found = TermCounts { length: 0, counts: vec![0; self.query.terms().len()] };
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(skipped) = bytes[at..].iter().position(|&byte| CLASS[byte as usize] != GAP) {
            let start = at + skipped;
            let run = self.run(&bytes[start..]);
            at = start + run.length;
            match run.content {
                Content::Nothing => {}
                Content::OtherWord => found.length += 1,
                Content::Candidates => self.count_words(&text[start..at], &mut found),
            }
        }
        found
    }

    /// Looks at the run of word bytes that `bytes` begin with, once.
    fn run(&self, bytes: &[u8]) -> Run {
        let mut seen = 0;
        let mut opens_term = false;
        let mut before = UNDERSCORE;
        let mut length = 0;
        for &byte in bytes {
            let class = CLASS[byte as usize];
            if class == GAP {
                break;
            }
            // A form can only begin at the start of the run, after an underscore or at a capital.
            if before == UNDERSCORE || class == UPPER {
                let next = bytes.get(length + 1).copied().unwrap_or(b' ');
                opens_term |= self.openings.contains(byte, next);
            }
            seen |= class;
            before = class;
            length += 1;
        }
        let content = if opens_term || seen & WIDE != 0 {
            Content::Candidates
        } else if seen & !UNDERSCORE == 0 {
            Content::Nothing
        } else {
            Content::OtherWord
        };
        Run { length, content }
    }

    fn count_words(&mut self, run: &str, found: &mut TermCounts) {
        let Self { query, stemmer, openings, known, buffer } = self;
        each_word(run, |word| {
            found.length += 1;
            each_form(word, buffer, |form| {
                let &[first, ref rest @ ..] = form.as_bytes() else {
                    return;
                };
                if !openings.contains(first, rest.first().copied().unwrap_or(b' ')) {
                    return;
                }
                let term = if let Some(term) = known.get(form) {
                    *term
                } else {
                    let stem = stemmer.stem(form);
                    let term = query.terms().binary_search_by(|term| term.as_str().cmp(&stem)).ok();
                    if known.len() >= MOST_KNOWN {
                        known.clear();
                    }
                    known.insert(form.into(), term);
                    term
                };
                if let Some(count) = term.and_then(|term| found.counts.get_mut(term)) {
                    *count = count.saturating_add(1);
                }
            });
        });
    }
}

impl fmt::Debug for Scanner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner")
            .field("query", self.query)
            .field("known", &self.known.len())
            .finish_non_exhaustive()
    }
}

struct Run {
    length: usize,
    content: Content,
}

enum Content {
    Nothing,
    OtherWord,
    Candidates,
}

const GAP: u8 = 0;
const WORD: u8 = 1;
const UPPER: u8 = 2;
const UNDERSCORE: u8 = 4;
const WIDE: u8 = 8;

static CLASS: [u8; 256] = {
    let mut class = [GAP; 256];
    let mut byte = 0_u8;
    loop {
        class[byte as usize] = match byte {
            b'a'..=b'z' | b'0'..=b'9' => WORD,
            b'A'..=b'Z' => UPPER,
            b'_' => UNDERSCORE,
            128.. => WIDE,
            _ => GAP,
        };
        if byte == u8::MAX {
            break class;
        }
        byte += 1;
    }
};

/// The first two bytes with which the terms of a query begin.
///
/// A stem keeps the first two letters of its word, except that "dying" becomes "die", so that y and
/// i are taken as one, and that a few odd words such as "oing" are cut to one letter.
struct Openings([[u64; 4]; 256]);

impl Default for Openings {
    fn default() -> Self {
        Self([[0; 4]; 256])
    }
}

impl Openings {
    fn insert(&mut self, term: &[u8]) {
        match *term {
            [] => {}
            [only] => self.0[only as usize] = [u64::MAX; 4],
            [first, second, ..] => {
                // An underscore can stand between the two.
                for second in [fold(second), b'_'] {
                    self.0[first as usize][second as usize / 64] |= 1 << (second % 64);
                }
            }
        }
    }

    fn contains(&self, first: u8, second: u8) -> bool {
        let (first, second) = (first.to_ascii_lowercase(), fold(second));
        self.0[first as usize][second as usize / 64] >> (second % 64) & 1 == 1
    }
}

fn fold(byte: u8) -> u8 {
    match byte.to_ascii_lowercase() {
        b'y' => b'i',
        byte => byte,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Stems every form of every word.
    fn naive(query: &Query, text: &str) -> TermCounts {
        let mut stemmer = English::new();
        let mut found = TermCounts { length: 0, counts: vec![0; query.terms().len()] };
        let mut buffer = String::new();
        each_word(text, |word| {
            found.length += 1;
            each_form(word, &mut buffer, |form| {
                let stem = stemmer.stem(form);
                for (term, count) in query.terms().iter().zip(&mut found.counts) {
                    *count += u32::from(term.as_str() == stem);
                }
            });
        });
        found
    }

    #[test]
    fn forms_of_a_word_and_parts_of_identifiers_are_found() {
        let query = Query::new("retry dying x");
        let counts = query.count("It retries: retryCount, RETRIED, died, x_y, a_x!");
        assert_eq!(
            query.terms().iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["die", "retri", "x"]
        );
        assert_eq!(counts.counts(), [1, 3, 2]);
        assert_eq!(counts.length(), 7);
    }

    fn wordy() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            r"[aeiouydlst]{1,4}(ing|ed|edly|ies|y|s|)",
            r"[a-cA-C_]{1,6}",
            r"(retr|conn|di|ly)(y|ies|ying|ection|e|ing)?",
            r"\PC{1,4}",
            Just("K_\u{130}stanbul Äpfel ǅ ﬁn".to_owned()),
        ];
        proptest::collection::vec((word, "[ _.\n]{0,2}"), 0..30)
            .prop_map(|words| words.into_iter().map(|(word, gap)| word + &gap).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn skipping_words_never_changes_a_count(question in wordy(), text in wordy()) {
            let query = Query::new(&question);
            let mut scanner = query.scanner();
            prop_assert_eq!(scanner.count(&text), naive(&query, &text));
            prop_assert_eq!(scanner.count(&question), naive(&query, &question));
        }
    }
}
