use std::fmt::Write as _;

use maniple::context::{Kind, Segment};

use super::Case;
use super::words::Dice;

/// An array of records that are all alike, but for a few that failed, one that took very long and one
/// of another region.
pub fn records(seed: u64, rows: usize) -> Case {
    let mut dice = Dice::new(seed);
    let mut evidence = Vec::new();
    let fails: Vec<usize> = (0..4).map(|_| dice.below(rows)).collect();
    let (slow, remote) = (dice.below(rows), dice.below(rows));
    let mut text = String::from("[\n");
    for at in 0..rows {
        let has_failed = fails.contains(&at);
        let error = if has_failed { dice.sentence(6) } else { String::new() };
        let status = if has_failed { "failed" } else { "done" };
        let millis = if at == slow { 98_765 } else { 20 + dice.below(60) };
        let name = if at == remote { dice.name() } else { dice.word() };
        let region = if at == remote { "west" } else { dice.one(&["north", "south", "east"]) };
        let end = if at + 1 == rows { "" } else { "," };
        let _ = writeln!(
            text,
            r#"  {{"id": {at}, "name": "{name}", "region": "{region}", "status": "{status}", "millis": {millis}, "error": "{error}"}}{end}"#
        );
        if has_failed {
            evidence.push(error);
        }
        if at == slow {
            evidence.push(millis.to_string());
        }
        if at == remote {
            evidence.push(name);
        }
    }
    text.push_str("]\n");
    Case { segments: vec![Segment::new("records", Kind::Json, text)], question: None, evidence }
}
