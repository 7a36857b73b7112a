//! Texts that a tokenizer alone takes badly.

use maniple_context::{Encoding, Tiktoken, TokenCounter};

/// Over the million characters at which the tokenizer alone gives up on white space.
const WHITE: usize = 1 << 20;
/// Over what is counted as one piece.
const BLACK: usize = 1 << 17;

/// Runs without a place to cut, which overflow the tokenizer's regular expression or slow it down.
fn hostile() -> Vec<String> {
    let run = |unit: &str, size: usize| unit.repeat(size / unit.len());
    let white = [" ", "\t", "\n", " \n", "\u{a0}"].map(|unit| run(unit, WHITE));
    let black = ["a", "aA", "!", "=", "'S", "1", "\0", "\u{301}", "中", "🦀"];
    let indented = format!("x{}x", " ".repeat(WHITE));
    let mut texts = Vec::from(white);
    texts.extend(black.map(|unit| run(unit, BLACK)));
    texts.extend([indented, noise("abcdefghijklmnop"), noise("ABCDEFGHIJabcdefghij0123456789+/")]);
    texts
}

fn noise(alphabet: &str) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 64).unwrap() % alphabet.len()
    };
    (0..BLACK).map(|_| char::from(alphabet.as_bytes()[next()])).collect()
}

#[test]
fn a_long_run_of_anything_is_counted() {
    for encoding in [Encoding::O200kBase, Encoding::Cl100kBase] {
        for text in hostile() {
            let tokens = Tiktoken::new(encoding).count(&text);
            let start: String = text.chars().take(8).collect();
            // No token is longer than 128 characters.
            let range = text.len() / 512..=text.len();
            assert!(range.contains(&tokens), "{tokens} for {start:?}…");
        }
    }
}

#[test]
fn special_tokens_are_plain_text() {
    for encoding in [Encoding::O200kBase, Encoding::Cl100kBase] {
        assert!(Tiktoken::new(encoding).count("<|endoftext|>") > 1);
    }
}

#[test]
fn an_encoding_is_known_by_its_name() {
    assert_eq!("cl100k_base".parse(), Ok(Encoding::Cl100kBase));
    let error = "gpt2".parse::<Encoding>().unwrap_err();
    assert_eq!(error.to_string(), r#"no encoding is named "gpt2": use o200k_base or cl100k_base"#);
}
