//! Finds items by the grammar of a language.

#[cfg(any(feature = "lang-typescript", feature = "lang-javascript"))]
mod ecma;
mod lead;
#[cfg(feature = "lang-python")]
mod python;
#[cfg_attr(
    not(all(feature = "lang-rust", feature = "lang-python", feature = "lang-typescript")),
    allow(dead_code, reason = "each language uses some of it")
)]
mod reader;
#[cfg(feature = "lang-rust")]
mod rust;
mod walk;

use std::ops::ControlFlow;

use tree_sitter::{ParseOptions, Parser, Tree};

use super::language::Language;
use super::outline::Reading;
use super::rows::{Rows, Span};
use reader::Reader;

/// The rest of a text is outlined by indentation. Generated code aside, hardly a file is as long,
/// and the tree of this much takes some 5 MiB.
const MOST_BYTES: usize = 256 * 1024;

/// What the grammar of the language made of a text; none where there is no grammar, or where it
/// took too many steps.
pub(super) fn read(language: Language, text: &str, rows: &Rows) -> Option<Reading> {
    let reader = reader_of(language)?;
    let ends = |row| rows.bytes(Span { first: row, last: row }).end;
    let last = (0..rows.len()).rev().find(|&row| ends(row) <= MOST_BYTES)?;
    let tree = parse(reader, &text[rows.bytes(Span { first: 0, last })])?;
    let mut reading = walk::walk(reader, &tree, text, last);
    if last + 1 < rows.len() {
        reading.unread.push(Span { first: last + 1, last: rows.len() - 1 });
    }
    Some(reading)
}

fn reader_of(language: Language) -> Option<&'static Reader> {
    match language {
        #[cfg(feature = "lang-rust")]
        Language::Rust => Some(&rust::READER),
        #[cfg(feature = "lang-python")]
        Language::Python => Some(&python::READER),
        #[cfg(feature = "lang-typescript")]
        Language::TypeScript => Some(&ecma::TYPESCRIPT),
        #[cfg(feature = "lang-typescript")]
        Language::Tsx => Some(&ecma::TSX),
        #[cfg(feature = "lang-javascript")]
        Language::JavaScript => Some(&ecma::JAVASCRIPT),
        _ => None,
    }
}

/// The parser asks whether to go on once in 100 steps. Code takes fewer than one step per byte;
/// what is no code can make it try several readings of everything.
const BYTES_PER_QUESTION: usize = 25;
const QUESTIONS_AT_LEAST: usize = 200;

fn parse(reader: &Reader, text: &str) -> Option<Tree> {
    let mut parser = Parser::new();
    // A grammar that this parser cannot run is as good as none.
    parser.set_language(&reader.language).ok()?;
    let mut questions = QUESTIONS_AT_LEAST + text.len() / BYTES_PER_QUESTION;
    let mut may_go_on = |_: &_| {
        questions = questions.saturating_sub(1);
        if questions == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut may_go_on);
    let bytes = text.as_bytes();
    parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or(&[]), None, Some(options))
}
