use maniple::context::{Kind, Segment};

use super::Case;
use super::words::Dice;

/// Two people talk; one of the things that they say is asked for later. In half of the cases it
/// answers what the other has just asked, and says only the rest.
pub fn dialogue(seed: u64, turns: usize, has_question: bool) -> Case {
    let mut dice = Dice::new(seed);
    let people = [dice.name(), dice.name()];
    let things: Vec<String> = (0..turns / 12).map(|_| dice.name().to_lowercase()).collect();
    let mut said: Vec<(usize, String)> = Vec::new();
    let mut facts = Vec::new();
    while said.len() < turns {
        let who = said.len() % 2;
        if said.len() % 12 == 7 && facts.len() < things.len() {
            let thing = &things[facts.len()];
            let (place, day) = (dice.name().to_lowercase(), dice.one(&DAYS));
            if dice.percent(50) {
                let fact = format!("I put the {thing} behind the {place} on {day}.");
                facts.push((people[who].clone(), thing.clone(), fact.clone()));
                said.push((who, fact));
            } else {
                said.push((1 - who, format!("Where did you leave the {thing}?")));
                let fact = format!("Oh, it is behind the {place}, since {day}.");
                facts.push((people[who].clone(), thing.clone(), fact.clone()));
                said.push((who, fact));
            }
            continue;
        }
        // Other turns name the same people and things.
        let length = 5 + dice.below(22);
        let mut text = dice.sentence(length);
        if dice.percent(12) && !things.is_empty() {
            text.push_str(&format!(" Do you like the {}?", things[dice.below(things.len())]));
        }
        if dice.percent(10) {
            text.push_str(&format!(" Right, {}?", people[1 - who]));
        }
        said.push((who, text));
    }
    let asked = facts.get(dice.below(facts.len()));
    let segments = said.iter().enumerate().map(|(at, (who, text))| {
        let kind = if *who == 0 { Kind::User } else { Kind::Assistant };
        Segment::new(format!("t{at}"), kind, text.as_str()).with_speaker(people[*who].as_str())
    });
    Case {
        segments: segments.collect(),
        question: asked
            .filter(|_| has_question)
            .map(|(who, thing, _)| format!("Where did {who} leave the {thing}?")),
        evidence: asked.map(|(_, _, fact)| fact.clone()).into_iter().collect(),
    }
}

const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
