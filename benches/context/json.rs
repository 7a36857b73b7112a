use std::fmt::Write as _;

use maniple::context::{Kind, Segment};

use super::Case;
use super::words::Dice;

/// An array of records that are all alike, but for a few that failed and one that took very long.
pub fn records(seed: u64, rows: usize) -> Case {
    let mut dice = Dice::new(seed);
    let mut evidence = Vec::new();
    let mut text = String::from("[\n");
    for at in 0..rows {
        let fails = at % (rows / 4).max(1) == rows / 8;
        let slow = at == rows * 2 / 3;
        let millis = if slow { 98_765 } else { 20 + dice.below(60) };
        let error = if fails { dice.sentence(6) } else { String::new() };
        let (name, region) = (dice.word(), dice.one(&["north", "south", "east"]));
        let status = if fails { "failed" } else { "done" };
        let end = if at + 1 == rows { "" } else { "," };
        let _ = writeln!(
            text,
            r#"  {{"id": {at}, "name": "{name}", "region": "{region}", "status": "{status}", "millis": {millis}, "error": "{error}"}}{end}"#
        );
        if fails {
            evidence.push(error);
        }
        if slow {
            evidence.push(millis.to_string());
        }
    }
    text.push_str("]\n");
    Case { segments: vec![Segment::new("records", Kind::Json, text)], question: None, evidence }
}
