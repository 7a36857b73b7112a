//! Chance, and words by chance.

/// Numbers that look like chance and follow from the seed (xorshift64*, S. Vigna, 2014).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// One of these.
    pub(super) fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of.get(self.below(of.len())).copied().unwrap_or_default()
    }

    /// Whether a thing of this chance in a hundred happens.
    pub(super) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// A word, common ones more often than rare ones.
    pub(super) fn word(&mut self) -> String {
        if self.percent(45) {
            return self.one(&COMMON).to_owned();
        }
        // As often in each octave of ranks, which is about Zipf's law.
        let octave = self.below(12);
        let rank = (1 << octave) + self.below(1 << octave);
        made_up(rank)
    }

    /// A sentence of so many words, with a capital and a full stop.
    pub(super) fn sentence(&mut self, words: usize) -> String {
        let words: Vec<String> = (0..words.max(2)).map(|_| self.word()).collect();
        let text = words.join(" ");
        let mut letters = text.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        format!("{}{}.", first.unwrap_or('X'), letters.as_str())
    }

    /// A name that nothing else has.
    pub(super) fn name(&mut self) -> String {
        let text = made_up(5_000 + self.below(1 << 20));
        let mut letters = text.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        format!("{}{}", first.unwrap_or('X'), letters.as_str())
    }
}

/// The word of a rank.
fn made_up(rank: usize) -> String {
    let mut word = String::new();
    let mut rest = rank + 20;
    while rest > 0 {
        word.push_str(ONSETS[rest % ONSETS.len()]);
        rest /= ONSETS.len();
        word.push_str(VOWELS[rest % VOWELS.len()]);
        rest /= VOWELS.len();
    }
    word
}

const ONSETS: [&str; 14] = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "st"];
const VOWELS: [&str; 6] = ["a", "e", "i", "o", "u", "ai"];
const COMMON: [&str; 40] = [
    "the", "of", "and", "to", "a", "in", "is", "it", "that", "was", "for", "on", "with", "as",
    "be", "at", "by", "had", "not", "are", "but", "from", "or", "have", "an", "they", "which",
    "one", "we", "all", "her", "she", "there", "would", "their", "will", "when", "who", "more",
    "so",
];
