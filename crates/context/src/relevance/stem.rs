use std::borrow::Cow;
use std::fmt;

use rust_stemmers::{Algorithm, Stemmer};

/// Cuts English words to their stems.
///
/// The stems are those of the English stemmer of Snowball (M. F. Porter, *Snowball: A Language for
/// Stemming Algorithms*, 2001), which takes a microsecond for a word. Words of ASCII letters and
/// digits are most of what there is to read, and in place their stems take a tenth of that.
pub(super) struct English {
    wide: Stemmer,
    word: Word,
}

impl English {
    pub(super) fn new() -> Self {
        Self { wide: Stemmer::create(Algorithm::English), word: Word::default() }
    }

    /// The stem of a word in lower case.
    pub(super) fn stem<'s>(&'s mut self, word: &'s str) -> Cow<'s, str> {
        if !word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            return self.wide.stem(word);
        }
        if word.len() <= 2 {
            return word.into();
        }
        if word.len() <= LONGEST_IRREGULAR
            && let Some((_, stem)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == word)
        {
            return (*stem).into();
        }
        self.word.read(word);
        self.word.reduce();
        String::from_utf8_lossy(&self.word.letters)
    }
}

impl fmt::Debug for English {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("English").finish_non_exhaustive()
    }
}

const IRREGULAR: &[(&str, &str)] = &[
    ("skis", "ski"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("idly", "idl"),
    ("gently", "gentl"),
    ("ugly", "ugli"),
    ("early", "earli"),
    ("only", "onli"),
    ("singly", "singl"),
    ("sky", "sky"),
    ("news", "news"),
    ("howe", "howe"),
    ("atlas", "atlas"),
    ("cosmos", "cosmos"),
    ("bias", "bias"),
    ("andes", "andes"),
];

/// In bytes.
const LONGEST_IRREGULAR: usize = 6;

/// Words that stay as they are once a plural is off.
const COMPLETE: &[&[u8]] =
    &[b"inning", b"outing", b"canning", b"herring", b"earring", b"proceed", b"exceed", b"succeed"];

/// A word that loses its endings. A `Y` in it is a consonant.
#[derive(Default)]
struct Word {
    letters: Vec<u8>,
    /// Where the region begins that follows the first consonant after a vowel.
    first: usize,
    /// Where the region begins that does so within the first one.
    second: usize,
}

/// What becomes of an ending. The endings stand by their length, the longest first.
type Endings = &'static [(&'static [u8], &'static [u8])];

const STEP_2: Endings = &[
    (b"ational", b"ate"),
    (b"fulness", b"ful"),
    (b"iveness", b"ive"),
    (b"ization", b"ize"),
    (b"ousness", b"ous"),
    (b"biliti", b"ble"),
    (b"lessli", b"less"),
    (b"tional", b"tion"),
    (b"alism", b"al"),
    (b"aliti", b"al"),
    (b"ation", b"ate"),
    (b"entli", b"ent"),
    (b"fulli", b"ful"),
    (b"iviti", b"ive"),
    (b"ousli", b"ous"),
    (b"abli", b"able"),
    (b"alli", b"al"),
    (b"anci", b"ance"),
    (b"ator", b"ate"),
    (b"enci", b"ence"),
    (b"izer", b"ize"),
    (b"bli", b"ble"),
    (b"ogi", b"og"),
    (b"li", b""),
];

const STEP_3: Endings = &[
    (b"ational", b"ate"),
    (b"tional", b"tion"),
    (b"alize", b"al"),
    (b"ative", b""),
    (b"icate", b"ic"),
    (b"iciti", b"ic"),
    (b"ical", b"ic"),
    (b"ness", b""),
    (b"ful", b""),
];

const STEP_4: Endings = &[
    (b"ement", b""),
    (b"able", b""),
    (b"ance", b""),
    (b"ence", b""),
    (b"ible", b""),
    (b"ment", b""),
    (b"ant", b""),
    (b"ate", b""),
    (b"ent", b""),
    (b"ion", b""),
    (b"ism", b""),
    (b"iti", b""),
    (b"ive", b""),
    (b"ize", b""),
    (b"ous", b""),
    (b"al", b""),
    (b"er", b""),
    (b"ic", b""),
];

impl Word {
    fn read(&mut self, word: &str) {
        self.letters.clear();
        let mut after_vowel = true;
        for byte in word.bytes() {
            let letter = if byte == b'y' && after_vowel { b'Y' } else { byte };
            after_vowel = is_vowel(letter);
            self.letters.push(letter);
        }
        let opening = [&b"gener"[..], b"commun", b"arsen"];
        let opening = opening.iter().find(|opening| self.letters.starts_with(opening));
        self.first = opening.map_or_else(|| self.region(0), |opening| opening.len());
        self.second = self.region(self.first);
    }

    /// After the first consonant that follows a vowel at or after `start`.
    fn region(&self, start: usize) -> usize {
        let pairs = self.letters[start..].windows(2);
        let found = { pairs }.position(|pair| is_vowel(pair[0]) && !is_vowel(pair[1]));
        found.map_or(self.letters.len(), |at| start + at + 2)
    }

    fn reduce(&mut self) {
        self.plural();
        let complete = self.ends(b"ing") || self.ends(b"eed");
        if !(complete && COMPLETE.contains(&&*self.letters)) {
            self.tense();
            self.final_y();
            self.replace(STEP_2, |word, ending, at| match ending {
                b"ogi" => word.before(at) == Some(b'l'),
                b"li" => word.before(at).is_some_and(|letter| b"cdeghkmnrt".contains(&letter)),
                _ => true,
            });
            self.replace(STEP_3, |word, ending, at| ending != b"ative" || at >= word.second);
            self.replace(STEP_4, |word, ending, at| {
                let fits = ending != b"ion" || matches!(word.before(at), Some(b's' | b't'));
                fits && at >= word.second
            });
            self.final_e_or_l();
        }
        self.letters.make_ascii_lowercase();
    }

    fn plural(&mut self) {
        let length = self.letters.len();
        if self.ends(b"sses") {
            self.letters.truncate(length - 2);
        } else if self.ends(b"ied") || self.ends(b"ies") {
            self.letters.truncate(if length > 4 { length - 2 } else { length - 1 });
        } else if self.ends(b"s")
            && !self.ends(b"us")
            && !self.ends(b"ss")
            && self.has_vowel(length.saturating_sub(2))
        {
            self.letters.truncate(length - 1);
        }
    }

    fn tense(&mut self) {
        let endings = [&b"eedly"[..], b"ingly", b"edly", b"eed", b"ing", b"ed"];
        let Some(ending) = endings.iter().find(|ending| self.ends(ending)) else {
            return;
        };
        let at = self.letters.len() - ending.len();
        if ending.starts_with(b"eed") {
            if at >= self.first {
                self.letters.truncate(at + 2);
            }
            return;
        }
        if !self.has_vowel(at) {
            return;
        }
        self.letters.truncate(at);
        match self.letters[..] {
            [.., b'a', b't'] | [.., b'b', b'l'] | [.., b'i', b'z'] => self.letters.push(b'e'),
            [.., a, b] if a == b && b"bdfgmnprt".contains(&a) => self.letters.truncate(at - 1),
            _ if self.first == at && self.ends_short(at) => self.letters.push(b'e'),
            _ => {}
        }
    }

    fn final_y(&mut self) {
        if let [_, .., before, last @ (b'y' | b'Y')] = &mut self.letters[..]
            && !is_vowel(*before)
        {
            *last = b'i';
        }
    }

    /// Replaces the longest ending of these, if it is in the first region and `fits`.
    fn replace(&mut self, endings: Endings, fits: impl Fn(&Self, &[u8], usize) -> bool) {
        let found = endings.iter().find(|(ending, _)| self.ends(ending));
        let Some((ending, replacement)) = found else {
            return;
        };
        let at = self.letters.len() - ending.len();
        if at >= self.first && fits(self, ending, at) {
            self.letters.truncate(at);
            self.letters.extend_from_slice(replacement);
        }
    }

    fn final_e_or_l(&mut self) {
        let Some(at) = self.letters.len().checked_sub(1) else {
            return;
        };
        let goes = match self.letters[at] {
            b'e' => at >= self.second || (at >= self.first && !self.ends_short(at)),
            b'l' => at >= self.second && self.before(at) == Some(b'l'),
            _ => false,
        };
        if goes {
            self.letters.truncate(at);
        }
    }

    /// Most endings differ in their last letter already.
    fn ends(&self, ending: &[u8]) -> bool {
        self.letters.last() == ending.last() && self.letters.ends_with(ending)
    }

    fn before(&self, at: usize) -> Option<u8> {
        at.checked_sub(1).map(|before| self.letters[before])
    }

    fn has_vowel(&self, before: usize) -> bool {
        self.letters[..before].iter().any(|letter| is_vowel(*letter))
    }

    /// Whether what stands before `end` ends in a short syllable, as `bed` and `at` do.
    fn ends_short(&self, end: usize) -> bool {
        match self.letters[..end] {
            [.., a, b, c] => {
                !is_vowel(a) && is_vowel(b) && !is_vowel(c) && !matches!(c, b'w' | b'x' | b'Y')
            }
            [a, b] => is_vowel(a) && !is_vowel(b),
            _ => false,
        }
    }
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agrees(word: &str) {
        let expected = Stemmer::create(Algorithm::English).stem(word).into_owned();
        assert_eq!(English::new().stem(word), expected, "{word}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn stems_are_those_of_snowball(
            start in "(gener|commun|arsen|[a-z]{0,2}|[bcdfglmnprstwxy]?[aeiouy][bcdfglmnprstwxy]){0,3}[0-9]?",
            endings in proptest::collection::vec(ending(), 0..3),
        ) {
            agrees(&(start + &endings.concat()));
        }

        #[test]
        fn words_of_any_script_are_stemmed(word in r"[a-zéüя0-9]{0,9}") {
            agrees(&word);
        }
    }

    fn ending() -> impl Strategy<Value = &'static str> {
        let known = [STEP_2, STEP_3, STEP_4].concat().into_iter();
        let known = known.map(|(ending, _)| std::str::from_utf8(ending).unwrap());
        let others =
            ["s", "sses", "ied", "ies", "us", "eed", "eedly", "ed", "edly", "ing", "ingly"];
        let more = ["ly", "y", "e", "ll", "able", "ity", "ness", "ical", "at", "bl", "iz", "tt"];
        prop::sample::select(known.chain(others).chain(more).collect::<Vec<_>>())
    }

    #[test]
    fn irregular_words_are_those_of_snowball() {
        for (word, _) in IRREGULAR {
            assert!(word.len() <= LONGEST_IRREGULAR);
            agrees(word);
        }
        for word in COMPLETE {
            let word = std::str::from_utf8(word).unwrap();
            agrees(word);
            agrees(&format!("{word}s"));
        }
        for word in ["ying", "yes", "say", "by", "toy", "gas", "this", "kiwis", "ties", "cries", ""]
        {
            agrees(word);
        }
    }

    #[test]
    fn endings_stand_by_their_length() {
        for endings in [STEP_2, STEP_3, STEP_4] {
            assert!(endings.is_sorted_by(|(a, _), (b, _)| a.len() >= b.len()));
        }
    }
}
