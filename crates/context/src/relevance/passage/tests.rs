use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn sentence<'c>(segment: usize, title: &'c str, text: &'c str) -> Passage<'c> {
    Passage { text, title, segment, tokens: 10, ..Passage::default() }
}

fn turn<'c>(segment: usize, speaker: &'c str, text: &'c str) -> Passage<'c> {
    Passage { text, speaker, segment, tokens: 10, ..Passage::default() }
}

fn values(passages: &[Passage<'_>], question: &str) -> Vec<u64> {
    worth(passages, Some(&Query::new(question))).values().to_vec()
}

#[test]
fn what_says_the_question_is_worth_most() {
    let passages = [
        sentence(0, "", "The harbour was built by the king."),
        sentence(1, "", "A lighthouse keeper lived alone."),
        sentence(2, "", "Bread is baked at dawn."),
    ];
    let values = values(&passages, "Who keeps the lighthouse?");
    assert!(values[1] > values[0] && values[1] > values[2]);
}

#[test]
fn a_turn_is_worth_more_beside_one_that_says_the_question() {
    let passages =
        ["I like it.", "Tell me of the lighthouse.", "It is old.", "Fine.", "It is big."]
            .map(|text| turn(0, "Ana", text));
    let values = values(&passages, "lighthouse");
    assert!(values[2] > values[4]);
}

#[test]
fn the_one_whom_the_question_names_is_believed() {
    let passages = [turn(0, "Ana", "My boat is red."), turn(1, "Ben", "My boat is red.")];
    let passages = passages
        .map(|passage| Passage { time: if passage.segment == 0 { "a" } else { "b" }, ..passage });
    let of = |question| values(&passages, question);
    let (ana, ben, both) =
        (of("Which boat has Ana?"), of("Which boat has Ben?"), of("Do Ana and Ben have a boat?"));
    assert!(ana[0] > ana[1] && ben[1] > ben[0]);
    assert_eq!(both[0], both[1]);
}

#[test]
fn the_time_that_the_question_names_counts() {
    let passages = ["3 March 2023", "9 April 2023"]
        .map(|time| Passage { time, ..turn(0, "Ana", "The boat is red.") });
    let values = values(&passages, "Was the boat red in April?");
    assert!(values[1] > values[0]);
}

#[test]
fn the_title_speaks_for_all_of_its_document() {
    let passages = [
        sentence(0, "Corran Lighthouse", "It was built long ago."),
        sentence(1, "Dun Harbour", "It was built long ago."),
    ];
    let values = values(&passages, "When was the lighthouse of Corran built?");
    assert!(values[0] > values[1]);
}

#[test]
fn a_second_hop_finds_what_the_best_passage_names() {
    let passages = [
        sentence(0, "Corran Lighthouse", "Its lamp was made by Mary Bell."),
        sentence(1, "Mary Bell", "She was born in Leith."),
        sentence(2, "Jane Drum", "She was born in Perth."),
        sentence(3, "Tide", "Bell towers ring."),
    ];
    let values = values(&passages, "Where was the maker of the Corran lamp born?");
    assert!(values[1] > values[2]);
}

#[test]
fn without_a_question_rare_openings_and_answers_come_first() {
    let passages = [
        turn(0, "Ana", "Hello, hello, hello. Where did you go?"),
        turn(1, "Ben", "To the lighthouse of Corran with Mary, in 1987."),
        turn(2, "Ana", "Hello, hello, hello again."),
        turn(3, "Ben", "Hello again."),
    ];
    let worth = worth(&passages, None);
    let most = worth.values().iter().max().copied();
    assert_eq!(most, worth.values().get(1).copied());
}

#[test]
fn without_a_question_nothing_is_said_twice() {
    let said = "Mary Bell built the lamp of Corran.";
    let passages = [0, 1, 2].map(|segment| {
        sentence(segment, "", if segment < 2 { said } else { "Jane saw the tide at Leith." })
    });
    let worth = worth(&passages, None);
    let chosen = select(&worth, &passages, &[], 20);
    assert_eq!(chosen, [true, false, true]);
    assert_eq!(select(&worth, &passages, &[false, true], 10), [false, true, true]);
}

#[test]
fn a_question_that_finds_nothing_is_none() {
    let passages = [sentence(0, "", "The lamp is lit."), sentence(1, "", "The tide is low.")];
    let none = worth(&passages, None);
    assert_eq!(worth(&passages, Some(&Query::new("zebra"))), none);
    assert_eq!(worth(&passages, Some(&Query::new("who is it?"))), none);
    assert_ne!(worth(&passages, Some(&Query::new("lamp"))), none);
}

#[test]
fn there_may_be_nothing_to_weigh() {
    assert!(worth(&[], Some(&Query::new("lamp"))).values().is_empty());
    let empty = [Passage::default(); 3];
    let worth = worth(&empty, None);
    assert_eq!(worth.values().len(), 3);
    assert_eq!(select(&worth, &empty, &[], 0), [true; 3]);
}

fn documents() -> impl Strategy<Value = Vec<String>> {
    let word =
        prop::sample::select(vec!["lamp", "tide", "Corran", "bell", "the", "7", "why?", "é"]);
    let text = vec(word, 0..8).prop_map(|words| words.join(" "));
    vec(text, 0..12)
}

proptest! {
    #[test]
    fn more_matches_are_never_worth_less(counts in vec(0_usize..5, 1..8)) {
        let asked = ["lamp", "tide", "Corran", "bell"];
        let texts: Vec<String> = counts
            .iter()
            .map(|&count| {
                let filler = std::iter::repeat_n("the", 4 - count);
                asked[..count].iter().copied().chain(filler).collect::<Vec<_>>().join(" ")
            })
            .collect();
        let passages: Vec<_> =
            texts.iter().enumerate().map(|(index, text)| sentence(index, "", text)).collect();
        let values = values(&passages, &asked.join(" "));
        for (count, value) in counts.iter().zip(&values) {
            for (other, less) in counts.iter().zip(&values) {
                prop_assert!(count < other || value >= less, "{:?} {:?}", counts, values);
            }
        }
    }

    #[test]
    fn the_order_of_documents_does_not_matter(texts in documents(), turned in 0_usize..12) {
        let texts = &texts[..texts.len().min(8)];
        let passages: Vec<_> =
            texts.iter().enumerate().map(|(index, text)| sentence(index, "", text)).collect();
        let mut moved = passages.clone();
        let turned = turned % passages.len().max(1);
        moved.rotate_left(turned);
        for question in ["lamp Corran", "tide"] {
            let mut expected = values(&passages, question);
            expected.rotate_left(turned);
            prop_assert_eq!(values(&moved, question), expected);
        }
    }

    #[test]
    fn a_choice_fits_and_is_always_the_same(
        texts in documents(), room in 0_u64..80, asked: bool, dialogue: bool,
    ) {
        let passages: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| if dialogue { turn(index, "Ana", text) } else { sentence(index / 3, "Lamp", text) })
            .collect();
        let query = asked.then(|| Query::new("Where is the lamp of Ana?"));
        let found = worth(&passages, query.as_ref());
        prop_assert_eq!(&worth(&passages, query.as_ref()), &found);
        let chosen = select(&found, &passages, &[], room);
        prop_assert_eq!(&select(&found, &passages, &[], room), &chosen);
        let cost = 10 * chosen.iter().filter(|chosen| **chosen).count() as u64;
        prop_assert!(cost <= room);
        prop_assert_eq!(cost, (room / 10 * 10).min(10 * passages.len() as u64));
    }
}
