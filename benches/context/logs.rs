use std::fmt::Write as _;

use maniple::context::{Kind, Segment};

use super::Case;
use super::words::Dice;

/// Lines of a log: most are of a few templates, and now and then one tells of something that no other
/// tells of, an error or not.
pub fn log(seed: u64, lines: usize) -> Case {
    let mut dice = Dice::new(seed);
    let templates: Vec<[String; 2]> = (0..30)
        .map(|_| [dice.sentence(3).to_lowercase(), dice.sentence(2).to_lowercase()])
        .collect();
    let events: Vec<String> = (0..12).map(|_| dice.sentence(4).to_lowercase()).collect();
    let mut text = String::new();
    let mut evidence = Vec::new();
    for at in 0..lines {
        let (minute, second) = (at / 60 % 60, at % 60);
        let _ = write!(text, "2026-03-04 {:02}:{minute:02}:{second:02} ", at / 3600 % 24);
        let due = (evidence.len() + 1) * lines / (events.len() + 1) <= at;
        if let Some(event) = events.get(evidence.len()).filter(|_| due) {
            let level = dice.one(&["INFO", "WARN", "ERROR", "FATAL"]);
            let _ = writeln!(text, "{level} [{}] {event} code {}", dice.word(), dice.below(500));
            evidence.push(event.clone());
        } else {
            let [before, after] = &templates[dice.below(8).min(dice.below(templates.len()))];
            let (number, id) = (dice.below(100_000), dice.below(1 << 30));
            let _ = writeln!(text, "INFO [worker-{}] {before} {number} {after} {id:08x}", id % 8);
        }
    }
    Case { segments: vec![Segment::new("log", Kind::Log, text)], question: None, evidence }
}
