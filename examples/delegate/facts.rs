//! Made-up facts, so that it is known what is to be found.

use std::collections::BTreeSet;

use crate::compare::{Asked, Cut};
use crate::folder::Text;

const THINGS: [&str; 12] = [
    "lighthouse",
    "windmill",
    "carousel",
    "observatory",
    "orchard",
    "belfry",
    "greenhouse",
    "funicular",
    "boathouse",
    "aqueduct",
    "bakery",
    "signal box",
];
const TOWNS: [&str; 10] = [
    "Oldenmere",
    "Brackwater",
    "Tansley",
    "Vellmar",
    "Quarrow",
    "Istrad",
    "Pellworth",
    "Hartsmouth",
    "Numsey",
    "Corvale",
];
const PEOPLE: [&str; 8] = [
    "Adelheid",
    "Bartholomew",
    "Cosima",
    "Dietmar",
    "Eulalia",
    "Fridolin",
    "Gwendolen",
    "Hyacinth",
];
const COLOURS: [&str; 8] =
    ["crimson", "turquoise", "ochre", "violet", "ivory", "emerald", "copper", "indigo"];
const MONTHS: [&str; 6] = ["January", "March", "May", "August", "October", "November"];

/// A sentence that stands in a file, and a question that it answers.
#[derive(Debug)]
pub(crate) struct Fact {
    pub(crate) sentence: String,
    pub(crate) question: String,
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: usize,
}

/// Whether the exact sentence of a fact was in the answers to its question.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) fact: Fact,
    pub(crate) asked: Asked,
    pub(crate) by_delegation: bool,
    pub(crate) by_truncation: bool,
}

impl Found {
    pub(crate) fn new(fact: Fact, asked: Asked, cut: &Cut) -> Self {
        let by_delegation = asked.answer.contains(&fact.sentence);
        let by_truncation = cut.text.contains(&fact.sentence);
        Self { fact, asked, by_delegation, by_truncation }
    }
}

/// Puts so many facts into the files, each on a line of its own, spread over all that is there.
pub(crate) fn plant(files: &mut [Text], number: usize, seed: u64) -> Vec<Fact> {
    let mut random = Random(seed);
    let mut taken = BTreeSet::new();
    let mut said = Vec::with_capacity(number);
    while said.len() < number {
        let (thing, town) = (random.of(&THINGS), random.of(&TOWNS));
        if taken.insert((thing, town)) {
            said.push(sentence(said.len(), thing, town, &mut random));
        }
    }
    let lines: Vec<usize> = files.iter().map(|file| file.text.lines().count().max(1)).collect();
    let all: usize = lines.iter().sum();
    let mut facts = Vec::with_capacity(number);
    for (at, (sentence, question)) in said.into_iter().enumerate() {
        // One in each of so many stretches that are of the same length.
        let (from, to) = (all * at / number, all * (at + 1) / number);
        let mut line = from + random.below(to.saturating_sub(from).max(1));
        let mut file = 0;
        while file + 1 < files.len() && line >= lines[file] {
            line -= lines[file];
            file += 1;
        }
        let text = &mut files[file].text;
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(end, _)| end + 1));
        let start = starts.clone().nth(line).unwrap_or(text.len());
        text.insert_str(start, &format!("{sentence}\n"));
        facts.push(Fact { sentence, question, path: files[file].path.clone(), line: 0 });
    }
    // Later ones have moved earlier ones.
    for fact in &mut facts {
        let file = files.iter().find(|file| file.path == fact.path);
        let place = file.and_then(|file| file.text.lines().position(|line| line == fact.sentence));
        fact.line = place.map_or(0, |line| line + 1);
    }
    facts
}

/// A sentence, and the question for it.
fn sentence(at: usize, thing: &str, town: &str, random: &mut Random) -> (String, String) {
    let (person, colour) = (random.of(&PEOPLE), random.of(&COLOURS));
    let (month, number) = (random.of(&MONTHS), 3 + random.below(90));
    match at % 6 {
        0 => (
            format!("The spare key of the {thing} in {town} hangs behind the {colour} door."),
            format!("Where does the spare key of the {thing} in {town} hang?"),
        ),
        1 => (
            format!("It was {person} who repaired the {thing} of {town}, in {month}."),
            format!("Who repaired the {thing} of {town}?"),
        ),
        2 => (
            format!("The {thing} in {town} has {number} steps, and a {colour} roof."),
            format!("How many steps has the {thing} in {town}?"),
        ),
        3 => (
            format!("{person} bought the {thing} of {town} for {number} crowns."),
            format!("What did the {thing} of {town} cost?"),
        ),
        4 => (
            format!("After the flood the {thing} in {town} was painted {colour}."),
            format!("Which colour has the {thing} in {town} been painted after the flood?"),
        ),
        _ => (
            format!("Visitors see the {thing} of {town} in {month} only."),
            format!("When can visitors see the {thing} of {town}?"),
        ),
    }
}

/// `SplitMix64`: numbers that only look like chance, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or(0)
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}
