use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

/// Pieces of which JSON is made that the rules look at, and some that they must not be misled by.
const CONTENT: [&str; 12] = [
    "plain",
    "\\\"",
    "\\\\",
    "\\u0000",
    "\\n",
    "{\\\"h\\\":\\\"",
    "\\\"h",
    "h",
    ",",
    "[{]}",
    ":",
    "\u{fc}\u{1f600}",
];
const SPACE: [&str; 7] = ["", "", "", " ", "\n", "\r\n\t", "  "];
const NUMBERS: [&str; 6] =
    ["0", "-1", "1e400", "0.10", "123456789012345678901234567890", "1.00000000000000000001E-7"];

fn content() -> impl Strategy<Value = String> {
    let pieces = vec(proptest::sample::select(&CONTENT[..]), 0..6).prop_map(|all| all.concat());
    (pieces, prop_oneof![9 => 1..3_usize, 1 => 300..1500_usize])
        .prop_map(|(pieces, times)| pieces.repeat(times))
}

fn space() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&SPACE[..])
}

/// JSON texts with a size around the threshold in many of their places.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => content().prop_map(|content| format!("\"{content}\"")),
        2 => proptest::sample::select(&NUMBERS[..]).prop_map(str::to_owned),
        1 => proptest::sample::select(&["true", "null", "[]", "{ }", "\"\""][..])
            .prop_map(str::to_owned),
        1 => (1..5000_usize).prop_map(|digits| "7".repeat(digits)),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let key = prop_oneof![2 => Just("h".to_owned()), 3 => content()];
        let member = (space(), key, space(), inner.clone())
            .prop_map(|(a, key, b, value)| format!("{a}\"{key}\"{b}:{a}{value}{b}"));
        let element = (space(), inner).prop_map(|(a, value)| format!("{a}{value}{a}"));
        let repeated = |one: BoxedStrategy<String>| {
            (vec(one, 1..6), prop_oneof![4 => Just(1), 1 => 2..12_000_usize]).prop_map(
                |(all, bytes)| {
                    let all = all.join(",");
                    vec![all.as_str(); bytes.div_ceil(all.len())].join(",")
                },
            )
        };
        prop_oneof![
            repeated(element.boxed()).prop_map(|all| format!("[{all}]")),
            repeated(member.boxed()).prop_map(|all| format!("{{{all}}}")),
        ]
    })
}

fn joined(split: &Split) -> Option<Vec<u8>> {
    join(&split.text, split.parts.iter().map(|part| (part.at, &part.bytes)))
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn has_control(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_control)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn has_frame_start(bytes: &[u8]) -> bool {
    text(bytes).contains(r#"{"h":""#)
}

/// The tokens of a text: what remains when the spaces between them are taken away.
fn tokens(json: &[u8]) -> String {
    let mut in_string = false;
    let mut escaped = false;
    let is_token = |c: &char| {
        match (in_string, escaped, c) {
            (_, true, _) => escaped = false,
            (true, _, '\\') => escaped = true,
            (_, _, '"') => in_string = !in_string,
            _ => {}
        }
        in_string || !matches!(c, ' ' | '\n' | '\r' | '\t')
    };
    text(json).chars().filter(is_token).collect()
}

proptest! {
    #[test]
    fn what_is_split_and_joined_is_what_it_was(json in json()) {
        let normal = normalise(json.clone().into());
        let split = split(json.into());
        let joined = joined(&split).unwrap();
        prop_assert_eq!(text(&joined), text(&normal));
    }

    #[test]
    fn normalising_changes_nothing_but_spaces(json in json()) {
        let normal = normalise(json.clone().into());
        prop_assert_eq!(tokens(&normal), tokens(json.as_bytes()));
        prop_assert_eq!(normalise(normal.clone()), normal);
    }

    #[test]
    fn what_stays_is_valid_json_in_one_line_without_the_beginning_of_a_frame(json in json()) {
        prop_assert!(is_json(json.as_bytes()), "the strategy makes JSON");
        let normal = normalise(json.clone().into());
        let split = split(json.into());
        for text in [&normal, &split.text] {
            prop_assert!(is_json(text));
            prop_assert!(!has_control(text) && !has_frame_start(text));
        }
    }

    #[test]
    fn no_part_is_below_the_threshold(json in json()) {
        for part in split(json.into()).parts {
            prop_assert!(part.bytes.len() >= PART_BYTES);
        }
    }

    #[test]
    fn an_array_that_grows_keeps_its_parts(
        elements in vec(json(), 1..6),
        more in vec(json(), 1..4),
        around in proptest::sample::select(&[("", ""), ("{\"n\":1,\"all\":", ",\"n\":1}")][..]),
    ) {
        let array = |elements: &[String]| format!("[{}]", elements.join(","));
        // A small array can be taken out whole with what is around it.
        prop_assume!(!split(array(&elements).into()).parts.is_empty());
        let parts = |elements: &[String]| {
            split(format!("{}{}{}", around.0, array(elements), around.1).into()).parts
        };
        let before = parts(&elements);
        let after = parts(&[elements, more].concat());
        prop_assert!(after.starts_with(&before));
    }

    #[test]
    fn equal_strings_give_equal_parts(
        content in content().prop_map(|content| content + &"x".repeat(PART_BYTES + 1)),
        others in vec(json(), 2),
    ) {
        let [one, other] = [0, 1].map(|i| {
            split(format!("{{\"a\":[\"{content}\"],\"b\":{}}}", others[i]).into()).parts
        });
        prop_assert_eq!(text(&one[0].bytes), content.as_str());
        prop_assert_eq!(&one[0].bytes, &other[0].bytes);
    }

    #[test]
    fn what_is_not_json_neither_panics_nor_is_lost(
        pieces in vec(prop_oneof![
            json(),
            proptest::sample::select(&["[", "]", "{", "}", "\"", "\\", ",", ":", "\"h\":\""][..])
                .prop_map(str::to_owned),
        ], 0..12),
    ) {
        let json = pieces.concat();
        let normal = normalise(json.clone().into());
        let split = split(json.into());
        prop_assert!(joined(&split) == Some(normal));
        prop_assert!(!has_frame_start(&split.text) || !is_json(&split.text));
    }

    #[test]
    fn parts_out_of_order_or_range_are_refused(
        text in vec(any::<u8>(), 0..20),
        at in vec(0..25_usize, 0..4),
    ) {
        let in_order = at.is_sorted() && at.last().is_none_or(|last| *last <= text.len());
        let joined = join(&text, at.iter().map(|at| (*at, b"part")));
        prop_assert_eq!(joined.map(|all| all.len()), in_order.then(|| text.len() + 4 * at.len()));
    }
}

#[test]
fn a_transcript_that_grows_costs_its_new_turns() {
    let turn = |n: usize| format!(r#"{{"role":"user","n":{n},"text":"{}"}}"#, "word ".repeat(60));
    let mut known = BTreeSet::new();
    let (mut whole, mut stored) = (0, 0);
    for turns in 1..=200 {
        let turns: Vec<String> = (0..turns).map(turn).collect();
        let json = format!(r#"{{"decided":{{"value":[{}],"more":null}}}}"#, turns.join(","));
        whole += json.len();
        let split = split(json.into());
        assert!(split.text.len() <= PART_BYTES + turn(0).len() + 100);
        for part in split.parts {
            if known.insert(part.bytes.clone()) {
                stored += part.bytes.len();
            }
        }
    }
    // While the array is small, it is taken out with the member that holds it.
    let new = 200 * turn(100).len() + 2 * PART_BYTES;
    assert!(stored <= new, "{stored} of {whole} for {new}");
}

#[test]
fn the_content_of_a_long_string_is_a_part() {
    let content = |bytes| "\\n".repeat(bytes / 2);
    let whole = |bytes| format!(r#"{{"a":1,"b":"{}"}}"#, content(bytes));
    let at_the_threshold = split(whole(PART_BYTES).into());
    assert_eq!(text(&at_the_threshold.text), whole(PART_BYTES));
    assert!(at_the_threshold.parts.is_empty());

    let above = split(whole(PART_BYTES + 2).into());
    assert_eq!(text(&above.text), r#"{"a":1,"b":""}"#);
    assert_eq!(above.parts, [Part { at: 12, bytes: content(PART_BYTES + 2).into() }]);
}

#[test]
fn a_long_key_stays_with_its_value() {
    let key = "k".repeat(2 * PART_BYTES);
    for between in [":", " : "] {
        let json = format!(r#"{{"{key}"{between}1}}"#);
        let split = split(json.clone().into());
        assert_eq!(text(&split.text), json);
        assert!(split.parts.is_empty());
    }
}

#[test]
fn elements_are_cut_in_runs_from_the_first() {
    // With its comma, each makes a quarter of a part.
    let quarter = "1".repeat(PART_BYTES / 4 - 1);
    let array = |elements: usize| format!("[{}]", vec![quarter.as_str(); elements].join(","));
    let run = format!("{quarter},").repeat(4);
    for (elements, runs, stay) in [(4, 0, 4), (5, 1, 1), (8, 1, 4), (9, 2, 1)] {
        let split = split(array(elements).into());
        assert_eq!(text(&split.text), array(stay), "{elements}");
        assert_eq!(split.parts, vec![Part { at: 1, bytes: run.clone().into() }; runs]);
    }
}

#[test]
fn an_element_with_parts_stays_and_so_does_what_is_before_it() {
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(2 * PART_BYTES));
    let (half, whole) = ("1".repeat(PART_BYTES / 2), "2".repeat(PART_BYTES));
    let split = split(format!("[{half},{long},{half},{whole},{half}]").into());
    assert_eq!(text(&split.text), format!(r#"[{half},{{"text":""}},{half}]"#));
    let sizes: Vec<usize> = split.parts.iter().map(|part| part.bytes.len()).collect();
    assert_eq!(sizes, [2 * PART_BYTES, half.len() + whole.len() + 2]);
}

#[test]
fn members_that_are_cut_leave_no_beginning_of_a_frame() {
    let json = format!(r#"{{"a":{},"h":"{}"}}"#, "1".repeat(PART_BYTES), "0".repeat(64));
    let split = split(json.into());
    assert_eq!(text(&split.text), format!(r#"{{"h": "{}"}}"#, "0".repeat(64)));
    assert_eq!(split.parts.len(), 1);
}

#[test]
fn what_only_looks_like_a_frame_is_not_touched() {
    for json in [r#"["{\"h\":\"x\"}"]"#, r#"{"h":1}"#, r#"{"h" :"x"}"#, r#"{"h": "x"}"#] {
        assert_eq!(text(&normalise(json.into())), json);
    }
    assert_eq!(text(&normalise(r#"{"\"h":"x"}"#.into())), r#"{"\"h": "x"}"#);
    assert_eq!(text(&normalise("{\n\"h\":\"x\"}".into())), "{ \"h\": \"x\"}");
}

#[test]
fn what_does_not_close_stays_whole() {
    let half = format!("[[{},1", "1".repeat(PART_BYTES));
    for json in [half.clone(), half.clone() + "]", half.clone() + "]]]", half + "]],\"]"] {
        let split = split(json.clone().into());
        assert_eq!(text(&split.text), json);
        assert!(split.parts.is_empty());
    }
}

#[test]
fn depth_costs_no_stack() {
    let depth = 100_000;
    let mut json = "[".repeat(depth);
    write!(json, "\"{}\"", "x".repeat(2 * PART_BYTES)).unwrap();
    json.push_str(&",7]".repeat(depth));
    let split = split(json.clone().into());
    assert_eq!(split.parts.len(), 1);
    assert_eq!(text(&joined(&split).unwrap()), json);
}
