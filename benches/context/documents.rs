use maniple::context::{Kind, Segment, Source};

use super::Case;
use super::words::Dice;

/// Documents with titles, and a question whose answer takes two of them: the first one names what the
/// second one is about.
pub fn documents(seed: u64, count: usize) -> Case {
    let mut dice = Dice::new(seed);
    let titles: Vec<String> = (0..count.max(2)).map(|_| dice.name()).collect();
    let (bridge, person) = (dice.below(titles.len()), dice.below(titles.len()));
    let person = if person == bridge { (person + 1) % titles.len() } else { person };
    let town = dice.name();
    let hops = [
        format!("{} was designed by {}.", titles[bridge], titles[person]),
        format!("{} was born in {town}.", titles[person]),
    ];
    let mut segments = Vec::new();
    for (at, title) in titles.iter().enumerate() {
        let mut sentences: Vec<String> = (0..3 + dice.below(5))
            .map(|_| {
                let length = 8 + dice.below(20);
                dice.sentence(length)
            })
            .collect();
        // Every document names a few others, and one in four a birth.
        if dice.percent(60) {
            let other = &titles[dice.below(titles.len())];
            sentences.push(format!("It is not far from {other}."));
        }
        if at % 4 == 3 && at != person {
            sentences.push(format!("{title} was born in {}.", dice.name()));
        }
        let place = dice.below(sentences.len());
        if at == bridge {
            sentences.insert(place, hops[0].clone());
        } else if at == person {
            sentences.insert(place, hops[1].clone());
        }
        let segment = Segment::new(format!("d{at}"), Kind::File, sentences.join(" "));
        segments.push(segment.with_source(Source::new(title.as_str())));
    }
    let question = format!("Where was the designer of {} born?", titles[bridge]);
    Case { segments, question: Some(question), evidence: hops.into() }
}
