use std::path::Path;

use super::*;
use crate::action::{Action, Entry};
use crate::error::{BundleError, Damage};
use crate::format::{MAX_LINE_BYTES, encode_action, write_body, write_frame};

fn before() -> ChainHead {
    ChainHead::of_header().followed_by(b"a session")
}

/// The lines of a log with these bodies.
fn lines(bodies: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut head = before();
    let line = |body: &Vec<u8>| {
        let mut line = Vec::new();
        head = write_frame(&mut line, &head, |out| out.extend_from_slice(body));
        line
    };
    bodies.iter().map(line).collect()
}

fn body(seq: u64, text: &str) -> Vec<u8> {
    let mut body = Vec::new();
    let action = encode_action(&Action::Note { text: text.into() }).unwrap();
    write_body(&mut body, seq, 7, &action);
    body
}

fn notes(count: u64) -> Vec<Vec<u8>> {
    lines(&(0..count).map(|seq| body(seq, &format!("note {seq}"))).collect::<Vec<_>>())
}

fn scan(bytes: &[u8], limit: usize) -> Scan<&[u8]> {
    Scan::with_limit(bytes, Path::new("log"), before(), limit)
}

fn recovered(bytes: &[u8]) -> Result<(Extent, Option<Recovery>), BundleError> {
    recover(scan(bytes, MAX_LINE_BYTES))
}

/// How many actions are kept, and where the erased tail begins.
fn kept(bytes: &[u8]) -> (u64, Option<u64>) {
    let (extent, recovery) = recovered(bytes).unwrap();
    (extent.actions, recovery.map(|r| r.offset))
}

fn damaged_line(bytes: &[u8]) -> (u64, Damage) {
    match recovered(bytes) {
        Err(BundleError::Damaged { line, found, .. }) => (line, found),
        other => panic!("expected damage, got {other:?}"),
    }
}

#[test]
fn a_whole_log_is_kept() {
    assert_eq!(kept(b""), (0, None));
    assert_eq!(kept(&notes(3).concat()), (3, None));
    let mut entries = Vec::new();
    scan(&notes(2).concat(), MAX_LINE_BYTES).read_all(|entry| entries.push(entry)).unwrap();
    let action = Action::Note { text: "note 1".into() };
    assert_eq!(entries[1], Entry { seq: 1, time_ms: 7, action });
}

#[test]
fn an_unfinished_last_line_is_a_torn_tail() {
    let log = notes(3);
    let intact = u64::try_from(log[0].len() + log[1].len()).unwrap();
    let torn = [&log[0], &log[1], &log[2][..log[2].len() - 1]].concat();
    let (extent, recovery) = recovered(&torn).unwrap();
    let erased_bytes = u64::try_from(log[2].len() - 1).unwrap();
    assert_eq!(extent.bytes, intact);
    assert_eq!(recovery, Some(Recovery { line: 3, offset: intact, erased_bytes }));
}

#[test]
fn a_group_of_lines_that_was_torn_to_garbage_is_a_torn_tail() {
    let log = notes(1);
    let zeros = vec![0; 5000];
    let garbage: &[u8] = b"\n\0\0\0 half\n{\"h\":\"0123\n\n";
    let at = Some(u64::try_from(log[0].len()).unwrap());
    assert_eq!(kept(&[&log[0], &zeros[..]].concat()), (1, at));
    assert_eq!(kept(&[&log[0], &zeros[..], garbage].concat()), (1, at));
}

#[test]
fn a_bad_line_before_a_line_of_a_log_is_damage() {
    let log = notes(4);
    let line = |number: usize| &log[number][..];
    let mut bad = log[1].clone();
    bad[100] ^= 1;
    let changed = [line(0), &bad, line(2)].concat();
    assert_eq!(damaged_line(&changed), (2, Damage::BrokenChain));
    let lost = [line(0), line(2), line(3)].concat();
    assert_eq!(damaged_line(&lost), (2, Damage::BrokenChain));
    let repeated = [line(0), line(0), line(1)].concat();
    assert_eq!(damaged_line(&repeated), (2, Damage::BrokenChain));
    let blank = [line(0), b"\0\0\0\0", line(2)].concat();
    assert_eq!(damaged_line(&blank), (2, Damage::Malformed));
}

#[test]
fn a_lost_line_end_does_not_cost_the_last_line() {
    let log = notes(2);
    let glued = [log[0].strip_suffix(b"\n").unwrap(), b"\x0b", &log[1][..]].concat();
    assert_eq!(damaged_line(&glued), (1, Damage::BrokenChain));
}

#[test]
fn changed_line_ends_are_damage_and_not_a_tail() {
    let text = String::from_utf8(notes(3).concat()).unwrap().replace('\n', "\r\n");
    assert_eq!(damaged_line(text.as_bytes()), (1, Damage::Malformed));
}

#[test]
fn intact_lines_that_are_not_understood_are_named_and_kept() {
    let with = |last: &str| {
        let bodies = [body(0, "fine"), last.as_bytes().to_vec()];
        recovered(&lines(&bodies).concat()).unwrap_err()
    };
    let unknown = with(r#"{"seq":1,"time":7,"schema":0,"action":{"teleport":{"to":"mars"}}}"#);
    assert!(
        matches!(&unknown, BundleError::UnknownAction { line: 2, kind, .. } if kind == "teleport"),
        "{unknown}"
    );
    let unknown = with(r#"{"seq":1,"time":7,"schema":0,"action":"vanished"}"#);
    assert!(
        matches!(&unknown, BundleError::UnknownAction { line: 2, kind, .. } if kind == "vanished"),
        "{unknown}"
    );
    for newer in [
        r#"{"seq":1,"time":7,"schema":9,"action":"closed"}"#,
        r#"{"seq":1,"schema":9,"when":"now","action":{"teleport":{}}}"#,
    ] {
        let newer = with(newer);
        assert!(
            matches!(newer, BundleError::NewerSchema { line: 2, found: 9, known: 0, .. }),
            "{newer}"
        );
    }
    for odd in [
        r#"{"seq":1,"time":7,"schema":0,"action":{"note":{"text":"","more":1}}}"#,
        r#"{"seq":1,"time":7,"schema":0,"action":"closed","more":1}"#,
        r#"{"seq":-1,"time":7,"schema":0,"action":"closed"}"#,
        r#"{"seq":1,"time":7,"schema":0,"action":{}}"#,
        "\u{1F600}",
        "",
    ] {
        let odd = with(odd);
        assert!(matches!(odd, BundleError::Unintelligible { line: 2, .. }), "{odd}");
    }
}

#[test]
fn an_intact_line_in_the_wrong_place_is_damage_even_at_the_end() {
    let log = lines(&[body(0, "a"), body(2, "b")]).concat();
    assert_eq!(damaged_line(&log), (2, Damage::OutOfSequence { expected: 1, found: 2 }));
}

#[test]
fn a_line_beyond_the_limit_is_an_error_and_is_not_erased() {
    let log = notes(2);
    let longest = log[0].len();
    assert_eq!(recover(scan(&log.concat(), longest)).unwrap().0.actions, 2);
    for bytes in [log.concat(), [&log[0][..], &vec![0; longest + 1]].concat()] {
        let limit = if bytes == log.concat() { longest - 1 } else { longest };
        let error = recover(scan(&bytes, limit)).unwrap_err();
        assert!(
            matches!(error, BundleError::LineTooLong { limit: l, .. } if l == limit),
            "{error}"
        );
    }
}

#[test]
fn a_payload_that_quotes_a_log_does_not_hide_a_torn_tail() {
    // In a note the quotes are escaped; as a journal's payload the line stands as it is.
    let quoted = String::from_utf8(notes(1).concat()).unwrap();
    let log = lines(&[body(0, "a"), body(1, &quoted)]);
    let cut = [&log[0], &log[1][..log[1].len() - 1]].concat();
    assert_eq!(kept(&cut).0, 1);
    let raw =
        format!(r#"{{"seq":1,"time":7,"schema":0,"action":{{"payload":{}}}}}"#, quoted.trim_end());
    let log = lines(&[body(0, "a"), raw.into_bytes()]);
    let cut = [&log[0], &log[1][..log[1].len() - 1]].concat();
    assert_eq!(kept(&cut).0, 1);
}
