use std::path::Path;

use super::*;
use crate::Action;
use crate::log::Scan;
use crate::session::{Header, Meta, SessionId};

const LOG: &[u8] = include_bytes!("../../tests/golden/v0/plain/log.jsonl");
const HEADER: &[u8] = include_bytes!("../../tests/golden/v0/plain/bundle.json");

fn golden_id() -> SessionId {
    "0198a6c0-5a00-7abc-8def-0123456789ab".parse().unwrap()
}

/// What this version writes is what earlier versions of this schema wrote.
#[test]
fn the_writer_reproduces_the_golden_files() {
    let meta =
        Meta::new("golden").with_label("question", "does it open?").with_label("a", "\u{fc}");
    let header = Header::new(golden_id(), 1_755_000_000_000, meta);
    assert_eq!(String::from_utf8(header.to_bytes().unwrap()), String::from_utf8(HEADER.to_vec()));

    let mut head = ChainHead::of_log(golden_id());
    let mut written = Vec::new();
    Scan::new(LOG, Path::new("log"), head)
        .read_all(|entry| {
            let action = encode_action(&entry.action).unwrap();
            head = write_frame(&mut written, &head, |out| {
                write_body(out, entry.seq, entry.time_ms, &action);
            });
        })
        .unwrap();
    assert_eq!(String::from_utf8(written), String::from_utf8(LOG.to_vec()));
}

#[test]
fn every_kind_of_action_is_known_by_its_name() {
    for kind in Action::KINDS {
        let body = format!(r#"{{"seq":0,"time":0,"schema":0,"action":{{"{kind}":[[]]}}}}"#);
        let read = read_body(body.as_bytes());
        assert!(matches!(read, Err(Unreadable::Unintelligible(_))), "{kind}: {read:?}");
    }
    let body = br#"{"seq":0,"time":0,"schema":0,"action":{"other":[[]]}}"#;
    assert!(matches!(read_body(body), Err(Unreadable::UnknownAction(kind)) if kind == "other"));
}

#[test]
fn a_frame_has_one_spelling() {
    let mut line = Vec::new();
    let head = write_frame(&mut line, &ChainHead::of_header(), |out| {
        out.extend_from_slice(b"{}");
    });
    let text = String::from_utf8(line).unwrap();
    let follows = |text: &str| {
        let frame = Frame::read(text.strip_suffix('\n')?.as_bytes())?;
        frame.follow(&ChainHead::of_header())
    };
    assert_eq!(follows(&text), Some(head));
    let digits = head.to_string();
    for other in [
        text.replace(&digits, &digits.to_uppercase()),
        text.replace("\"b\":", "\"b\": "),
        text.replace("{\"h\"", " {\"h\""),
        text.replace("}}\n", "}} \n"),
        text.replace("}}\n", "}\n"),
        text.replace('\n', "\r\n"),
        String::new(),
    ] {
        assert_ne!(other, text);
        assert_eq!(follows(&other), None, "{other:?}");
    }
}

#[test]
fn a_line_end_in_a_payload_is_written_as_a_space() {
    let raw = serde_json::value::RawValue::from_string("[1,\n2, \"\\n\"]".into()).unwrap();
    let record =
        format!(r#"{{"key":"/a","worked_ms":1,"fact":{{"decided":{{"value":{}}}}}}}"#, raw.get());
    let action = Action::Journal(serde_json::from_str(&record).unwrap());
    let json = String::from_utf8(encode_action(&action).unwrap()).unwrap();
    assert!(json.contains(r#"[1, 2, "\n"]"#), "{json}");
}

#[test]
fn an_action_beyond_the_limit_is_refused() {
    let action = Action::Note { text: "x".repeat(100) };
    let json = encode_action(&action).unwrap();
    let bytes = json.len();
    assert_eq!(body::encode_within(bytes, &action).unwrap(), json);
    let refused = body::encode_within(bytes - 1, &action);
    let Err(crate::BundleError::TooLong { bytes: found, limit }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((found, limit), (bytes, bytes - 1));

    let mut line = Vec::new();
    write_frame(&mut line, &ChainHead::of_header(), |out| {
        write_body(out, u64::MAX, u64::MAX, &json);
    });
    assert!(line.len() <= bytes + AROUND_BYTES, "the longest action fits into the longest line");
}
