//! What speaks for which language.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::language::Language;

/// A file speaks a language of which it says so many different words. Prose has one or two by chance.
const DIFFERENT_WORDS: usize = 3;
/// A file with a zero byte near its start is no text.
const SNIFF: usize = 8 * 1024;

/// How much speaks for each language.
#[derive(Debug, Default)]
pub(crate) struct Evidence(BTreeMap<Language, u64>);

impl Evidence {
    pub(crate) fn add(&mut self, language: Option<Language>, weight: u64) {
        if let Some(language) = language.filter(|_| weight > 0) {
            *self.0.entry(language).or_default() += weight;
        }
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.values().sum()
    }

    /// The languages, those first that most speaks for, and of equals the first by name.
    pub(crate) fn ranking(&self) -> Vec<(Language, u64)> {
        let mut ranking: Vec<_> =
            self.0.iter().map(|(language, weight)| (*language, *weight)).collect();
        ranking.sort_by_key(|(_, weight)| Reverse(*weight));
        ranking
    }
}

/// The words that are typical of languages.
#[derive(Debug)]
pub(crate) struct Vocabulary(HashMap<&'static [u8], Vec<Language>>);

impl Vocabulary {
    pub(crate) fn new() -> Self {
        Self(Language::words().into_iter().map(|(word, of)| (word.as_bytes(), of)).collect())
    }

    /// The one language that a text speaks most, and in how many words.
    pub(crate) fn spoken_in(&self, text: &[u8]) -> (Option<Language>, u64) {
        if text.iter().take(SNIFF).any(|byte| *byte == 0) {
            return (None, 0);
        }
        let mut said: BTreeMap<Language, (u64, HashSet<&[u8]>)> = BTreeMap::new();
        for word in text.split(|byte| !is_of_word(*byte)) {
            for language in self.0.get(word).into_iter().flatten() {
                let (times, different) = said.entry(*language).or_default();
                *times += 1;
                different.insert(word);
            }
        }
        let mut spoken = Evidence::default();
        for (language, (times, different)) in said {
            spoken.add((different.len() >= DIFFERENT_WORDS).then_some(language), times);
        }
        match spoken.ranking()[..] {
            [(_, most), (_, same), ..] if most == same => (None, 0),
            [(language, times), ..] => (Some(language), times),
            [] => (None, 0),
        }
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'#' | b'$')
}

/// What the shebang of a file calls its language, or else a modeline of Emacs or Vim.
pub(crate) fn called_in(head: &[u8]) -> Option<Language> {
    let head = String::from_utf8_lossy(head);
    let called = shebang(&head).or_else(|| emacs(&head)).or_else(|| vim(&head))?;
    // python3.12 is python.
    let called = called.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Language::of_name(&called.to_ascii_lowercase())
}

/// The interpreter.
fn shebang(head: &str) -> Option<&str> {
    let mut words = head.strip_prefix("#!")?.lines().next()?.split_whitespace();
    let mut program = words.next()?.rsplit('/').next()?;
    if program == "env" {
        program = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    }
    program.rsplit('/').next()
}

/// `-*- mode: c -*-` or `-*- c -*-`
fn emacs(head: &str) -> Option<&str> {
    let (_, rest) = head.split_once("-*-")?;
    let (said, _) = rest.split_once("-*-")?;
    let mode = said.split(';').find_map(|variable| {
        let (name, value) = variable.split_once(':')?;
        name.trim().eq_ignore_ascii_case("mode").then_some(value)
    });
    mode.or_else(|| (!said.contains(':')).then_some(said)).map(str::trim)
}

/// `vim: ft=c` or `vim: set filetype=c:`
fn vim(head: &str) -> Option<&str> {
    let line = head.lines().find_map(|line| Some(line.split_once("vim:")?.1))?;
    line.split([' ', '\t', ':']).find_map(|option| {
        let (name, value) = option.split_once('=')?;
        matches!(name, "ft" | "filetype" | "syntax").then_some(value)
    })
}
