//! Which topics a context has.

use maniple_context::code::Language;
use maniple_context::{Delegation, DelegationPlan, Kind, Segment, Source, Specialty};

use crate::contexts::{counter, file, tokens};

/// The plan for a window of which as much is taken away as can be.
fn all(segments: &[Segment], window: usize, pinned: &str) -> DelegationPlan {
    let mut segments = segments.to_vec();
    segments.push(Segment::new("pinned", Kind::User, pinned).pinned());
    Delegation::new(counter(), window).plan(&segments).unwrap().unwrap()
}

fn names(plan: &DelegationPlan) -> Vec<&str> {
    plan.parts.iter().map(|part| &*part.name).collect()
}

/// A text that alone exceeds the threshold, so that all that can go goes.
fn heavy() -> String {
    "keep ".repeat(2_000)
}

#[test]
fn a_folder_that_fits_is_a_topic_and_one_that_does_not_is_divided() {
    // A file of twenty lines has about three hundred tokens, and a part has room for about 970.
    let paths = [
        "src/lib.rs",
        "src/net/tcp.rs",
        "src/net/udp.rs",
        "src/net/dns.rs",
        "src/store/log.rs",
        "src/store/page.rs",
        "src/store/tree/leaf.rs",
        "docs/guide.md",
        "docs/faq.md",
    ];
    let context: Vec<Segment> = paths.iter().map(|path| file(path, 20)).collect();
    let plan = all(&context, 5_600, &heavy());
    assert_eq!(names(&plan), ["src/lib.rs", "src/net", "src/store", "docs"]);
    assert_eq!(plan.parts[2].segments.len(), 3);
}

#[test]
fn what_is_too_large_is_numbered_in_its_order() {
    let context: Vec<Segment> = (0..7).map(|at| file(&format!("src/net/{at}.txt"), 20)).collect();
    let plan = all(&context, 5_600, &heavy());
    assert_eq!(names(&plan), ["src/net 1 of 2", "src/net 2 of 2", "src/net/6.txt"]);
    let sizes: Vec<usize> = plan.parts.iter().map(|part| part.segments.len()).collect();
    assert_eq!(sizes, [3, 3, 1]);
}

#[test]
fn a_file_stays_whole_where_it_fits_and_a_segment_always() {
    let block = |path: &str, at: usize| {
        Segment::new(format!("{path}{at}"), Kind::File, file(path, 10).text().clone())
            .with_source(Source::new(path))
    };
    let mut context: Vec<Segment> = (0..4).map(|at| block("a/x.txt", at)).collect();
    context.extend((0..4).map(|at| block("a/y.txt", at)));
    context.push(file("a/huge.txt", 300));
    let plan = all(&context, 5_600, &heavy());
    assert_eq!(names(&plan), ["a/x.txt", "a/y.txt", "a/huge.txt"]);
    let huge = &plan.parts[2];
    assert!(huge.tokens > huge.share, "it is reduced to its share before it is answered");
}

#[test]
fn small_neighbours_are_one_part() {
    let context: Vec<Segment> = (0..60).map(|at| file(&format!("d{at:02}/a.txt"), 3)).collect();
    let plan = all(&context, 5_600, &heavy());
    assert!(plan.parts.len() <= 5, "{:?}", names(&plan));
    assert!(names(&plan)[0].starts_with("top level 1 of "), "{:?}", names(&plan));
}

#[test]
fn a_conversation_is_divided_where_it_turns_to_something_else() {
    let topics = [
        "The roses in the garden want water and good soil, and the tulips want shade.",
        "The compiler checks the types and lifetimes of a function before the linker runs.",
        "The ferry leaves the harbour at noon, when the tide and the wind allow it to.",
    ];
    let turn = |at: usize| {
        let kind = if at.is_multiple_of(2) { Kind::User } else { Kind::Assistant };
        Segment::new(format!("t{at}"), kind, topics[at / 30])
    };
    let context: Vec<Segment> = (0..90).map(turn).collect();
    let plan = all(&context, 5_600, &heavy());
    assert_eq!(names(&plan), ["conversation 1 of 3", "conversation 2 of 3", "conversation 3 of 3"]);
    for (part, topic) in plan.parts.iter().zip(topics) {
        assert!(part.segments.iter().all(|turn| &**turn.text() == topic), "{}", part.name);
        assert_eq!(part.specialty, Specialty::Conversation);
    }
}

#[test]
fn what_has_no_source_is_divided_by_what_it_is() {
    let log = "10:00:00 WARN pool: connection refused\n".repeat(40);
    let code = "fn a() -> u8 {\n    7\n}\n\npub struct B;\n".repeat(30);
    let json = format!("[{}]", vec![r#"{"id": 7, "name": "pool"}"#; 40].join(", "));
    let prose = "It was late, and nobody had seen them leave. ".repeat(40);
    let context = [
        Segment::new("prose", Kind::File, prose),
        Segment::new("code", Kind::File, code),
        Segment::new("log", Kind::Log, log),
        Segment::new("json", Kind::Json, json),
    ];
    let plan = all(&context, 5_600, &heavy());
    let found: Vec<(&str, Specialty)> =
        plan.parts.iter().map(|part| (&*part.name, part.specialty)).collect();
    assert_eq!(
        found,
        [
            ("documents", Specialty::Documents),
            ("code in Rust", Specialty::Code(Language::Rust)),
            ("logs", Specialty::Logs),
            ("data", Specialty::Data),
        ]
    );
}

#[test]
fn the_specialty_is_that_of_most_tokens_code_in_all_languages_together() {
    let context = [
        file("a/one.rs", 7).with_kind(Kind::Code),
        file("a/two.py", 9).with_kind(Kind::Code),
        file("a/three.md", 12),
    ];
    let plan = all(&context, 5_600, &heavy());
    assert_eq!(plan.parts.len(), 1);
    assert_eq!(plan.parts[0].specialty, Specialty::Code(Language::Python));
}

#[test]
fn the_largest_goes_first_and_of_equals_the_earliest() {
    let context = [file("a/1", 40), file("b/1", 60), file("c/1", 60), file("d/1", 40)];
    let plan = |times| {
        let window = tokens(&context) * times / 10;
        names(&Delegation::new(counter(), window).plan(&context).unwrap().unwrap())
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(plan(25), ["b/1"]);
    assert_eq!(plan(20), ["b/1", "c/1"]);
}
