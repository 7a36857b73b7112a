use maniple_context::testkit::{anthropic_transcripts, openai_transcripts};
use proptest::prelude::*;

use crate::bytes::read;

/// What replaces a part of a transcript.
fn splices() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        proptest::collection::vec(any::<u8>(), 1..4),
        prop_oneof![
            Just("null"),
            Just("[]"),
            Just("{}"),
            Just("\"\""),
            Just("1e999"),
            Just("\"\\ud800\""),
            Just("[[[["),
            Just("\"role\":\"tool\","),
            Just("\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c0-0\"}],"),
            Just("\"function_call\":{\"name\":\"f\",\"arguments\":\"\"},"),
        ]
        .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

proptest! {
    #[test]
    fn changed_transcripts_are_read_or_refused(
        json in prop_oneof![openai_transcripts(), anthropic_transcripts()],
        at in any::<prop::sample::Index>(),
        length in 0..24_usize,
        splice in splices(),
    ) {
        let mut bytes = json.into_bytes();
        let start = at.index(bytes.len());
        let end = bytes.len().min(start + length);
        bytes.splice(start..end, splice);
        read(&bytes);
    }

    #[test]
    fn any_values_in_the_place_of_others_are_read_or_refused(
        json in prop_oneof![openai_transcripts(), anthropic_transcripts()],
        at in any::<prop::sample::Index>(),
        splice in prop_oneof![
            Just("null"), Just("[]"), Just("{}"), Just("\"\""), Just("0"), Just("\"\\ud800\""),
            Just("[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"image\"}]"), Just("true"),
        ],
    ) {
        let strings: Vec<_> = json.match_indices("\":").map(|(at, _)| at + 2).collect();
        prop_assume!(!strings.is_empty());
        let start = strings[at.index(strings.len())];
        let length = serde_json::Deserializer::from_str(&json[start..])
            .into_iter::<serde::de::IgnoredAny>();
        let mut length = length;
        length.next();
        let end = start + length.byte_offset();
        read(format!("{}{splice}{}", &json[..start], &json[end..]).as_bytes());
    }
}

#[test]
fn transcripts_as_they_are_made_can_be_read() {
    proptest!(|(json in prop_oneof![openai_transcripts(), anthropic_transcripts()])| {
        prop_assert!(read(json.as_bytes()));
    });
}
