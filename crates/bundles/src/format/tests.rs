use super::*;
use crate::Action;

fn before() -> ChainHead {
    ChainHead::of_text("a document")
}

/// Reads the action of a body without parts.
fn read_action(body: &str) -> Result<Action, Unreadable> {
    match read_record(body.as_bytes())? {
        (_, Record::Action(action)) => {
            action.read(|id| panic!("it needs no blob {id}")).map(|entry| entry.action)
        }
        (_, Record::Gap(gap)) => panic!("{gap:?}"),
    }
}

#[test]
fn every_kind_of_action_is_known_by_its_name() {
    for kind in Action::KINDS {
        let body = format!(r#"{{"seq":0,"time":0,"schema":0,"action":{{"{kind}":7}}}}"#);
        let read = read_action(&body);
        assert!(matches!(read, Err(Unreadable::Unintelligible(_))), "{kind}: {read:?}");
    }
    let body = r#"{"seq":0,"time":0,"schema":0,"action":{"other":7}}"#;
    assert!(matches!(read_action(body), Err(Unreadable::UnknownAction(kind)) if kind == "other"));
}

#[test]
fn a_frame_has_one_spelling() {
    let mut line = Vec::new();
    let head = write_frame(&mut line, &before(), |out| {
        out.extend_from_slice(b"{}");
    });
    let text = String::from_utf8(line).unwrap();
    let follows = |text: &str| {
        let frame = Frame::read(text.strip_suffix('\n')?.as_bytes())?;
        frame.follow(&before())
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
    let mut body = Vec::new();
    write_body(&mut body, 0, 0, 0, &encode_action(&action).unwrap());
    let json = String::from_utf8(body).unwrap();
    assert!(json.contains(r#"[1, 2, "\n"]"#), "{json}");
}

#[test]
fn an_action_beyond_the_limit_is_refused() {
    let action = Action::Note { text: "x".repeat(100) };
    let encoded = encode_action(&action).unwrap();
    let bytes = serde_json::to_vec(&action).unwrap().len();
    assert_eq!(body::encode_within(bytes, to_json(&action).unwrap()).unwrap(), encoded);
    let refused = body::encode_within(bytes - 1, to_json(&action).unwrap());
    let Err(crate::BundleError::TooLong { bytes: found, limit }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((found, limit), (bytes, bytes - 1));
}

/// A crash that keeps a part of a line leaves no evidence that what is before it was durable.
#[test]
fn what_is_left_of_a_line_is_evidence_of_what_it_says_was_synced_alone() {
    let action = encode_action(&Action::Note { text: "x".into() }).unwrap();
    let mut line = Vec::new();
    write_frame(&mut line, &before(), |out| write_body(out, 7, 1, 5, &action));
    for kept in 0..=line.len() {
        let mut left = line.clone();
        left[kept..].fill(0);
        let says = kept > line.windows(9).position(|bytes| bytes == b"\"synced\":").unwrap() + 10;
        assert!(!evidence(&left, 5) && !evidence(&left, 6), "{kept} bytes");
        assert_eq!(evidence(&left, 4), says, "{kept} bytes");
    }
}
