//! What must hold for any bytes that somebody calls JSON or a log.
//!
//! The programs in `fuzz` call it too.

use maniple_context::json::{compact, expand, reduce_json};
use maniple_context::logs::LogFold;
use serde::de::IgnoredAny;

fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

/// Reads `input` as JSON.
pub(crate) fn json(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Some(short) = compact(&text) else {
        assert!(serde_json::from_str::<IgnoredAny>(&text).is_err(), "valid JSON was refused");
        assert_eq!(reduce_json(&text, &tokens, usize::MAX), None);
        return;
    };
    for line in short.lines() {
        serde_json::from_str::<IgnoredAny>(line).unwrap();
    }
    let whole = expand(&short).unwrap();
    assert_eq!(expand(&compact(&whole).unwrap()).as_ref(), Some(&whole));
    assert_eq!(reduce_json(&text, &tokens, tokens(&short)).as_ref(), Some(&short));
    for room in [0, 8, tokens(&short) / 2, tokens(&short).saturating_sub(1)] {
        if let Some(sampled) = reduce_json(&text, &tokens, room) {
            assert!(tokens(&sampled) <= room);
            assert!(expand(&sampled).is_some());
        }
    }
    let _ = expand(&text);
}

/// Reads `input` as a log.
pub(crate) fn log(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let fold = LogFold::new(&text);
    assert!(fold.alarms() <= fold.kinds() && fold.kinds() <= fold.records());
    let Some(whole) = fold.render(&tokens, usize::MAX) else { return };
    assert!(!whole.contains("left out"), "{whole}");
    for room in [0, 50, tokens(&whole) / 2, tokens(&whole)] {
        if let Some(folded) = fold.render(&tokens, room) {
            assert!(tokens(&folded) <= room);
            assert_eq!(LogFold::new(&text).render(&tokens, room), Some(folded));
        }
    }
}

/// JSON, or nearly, of which `script` chooses the parts.
pub(crate) fn nearly_json(script: &[u8]) -> Vec<u8> {
    const PARTS: [&str; 24] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"$table\"",
        "\"$columns\"",
        "\"rows\"",
        "1",
        "-0.5e7",
        "null",
        "\"error\"",
        " ",
        "\n",
        "{\"a\":1,\"b\":2}",
        "{\"b\":2}",
        "[[",
        "]]",
        "{\"$lines\":[\"a\"],\"rows\":[[1]]}",
        "\"\\u00",
        "\"$left_out\"",
    ];
    chosen(&PARTS, script)
}

/// A log of which `script` chooses the parts.
pub(crate) fn nearly_a_log(script: &[u8]) -> Vec<u8> {
    const PARTS: [&str; 24] = [
        "\n",
        "\n",
        "2024-01-01T10:00:00.123Z ",
        "10:00:01 ",
        " ERROR ",
        " INFO ",
        "failed",
        "up ",
        "0x7f",
        "a1b2c3d4",
        "-12",
        "3.50",
        "/var/log/x",
        "C:\\x\\y",
        "http://h:1/p?q",
        "\tat f\n",
        "Caused by: X\n",
        "exit code 1",
        "HTTP/1.1\" 500",
        "user=",
        "é",
        "\u{0}",
        "[",
        "\"",
    ];
    chosen(&PARTS, script)
}

fn chosen(parts: &[&str], script: &[u8]) -> Vec<u8> {
    let text: String = script.iter().map(|&byte| parts[usize::from(byte) % parts.len()]).collect();
    text.into_bytes()
}
