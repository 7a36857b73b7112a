use maniple::context::{Kind, Segment};

use super::Case;
use super::words::Dice;

/// Two people talk, and now and then one says where a thing is; about half of the times that answers
/// what the other has just asked, and says only the rest. Asked for is one of the things; where nothing
/// is asked, all of them are needed.
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
        let mut sentences = vec![dice.sentence(length)];
        if dice.percent(12) && !things.is_empty() {
            sentences.push(format!("Do you like the {}?", things[dice.below(things.len())]));
        }
        if dice.percent(10) {
            sentences.push(format!("Right, {}?", people[1 - who]));
        }
        said.push((who, sentences.join(" ")));
    }
    let segments = said.iter().enumerate().map(|(at, (who, text))| {
        let kind = if *who == 0 { Kind::User } else { Kind::Assistant };
        Segment::new(format!("t{at}"), kind, text.as_str()).with_speaker(people[*who].as_str())
    });
    let segments = segments.collect();
    let (question, evidence) = match facts.get(dice.below(facts.len())) {
        Some((who, thing, fact)) if has_question => {
            (Some(format!("Where did {who} leave the {thing}?")), vec![fact.clone()])
        }
        _ => (None, facts.into_iter().map(|(_, _, fact)| fact).collect()),
    };
    Case { segments, question, evidence }
}

const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
