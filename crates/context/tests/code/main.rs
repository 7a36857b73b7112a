//! Outlines of source code: what is found in each language, and what holds for any text.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[cfg(any(feature = "lang-typescript", feature = "lang-javascript"))]
mod ecma;
mod indentation;
mod keep;
mod laws;
#[cfg(feature = "lang-python")]
mod python;
#[cfg(feature = "lang-rust")]
mod rust;

use std::fmt::Write as _;

use maniple_context::code::{CodeOutline, Language, LinePart, code_outline};

/// The items, each as `kind name lines`, indented by its depth.
fn items(language: Language, text: &str) -> String {
    shown(&code_outline(language, text))
}

fn shown(outline: &CodeOutline<'_>) -> String {
    let mut out = String::new();
    for item in outline.items() {
        let indentation = "  ".repeat(item.depth);
        let name = item.name.map_or_else(String::new, |name| format!(" {name}"));
        writeln!(out, "{indentation}{:?}{name} {}", item.kind, item.lines).unwrap();
    }
    out
}

/// The text with the part that each line plays before it: `s`ignature, `d`oc or `b`ody.
fn parts(language: Language, text: &str) -> String {
    let outline = code_outline(language, text);
    let mark = |part| match part {
        LinePart::Signature => 's',
        LinePart::Doc => 'd',
        LinePart::Body => 'b',
    };
    let lines = outline.lines().iter().zip(text.lines());
    lines.map(|(line, text)| format!("{}{text}\n", mark(line.part)).replace(" \n", "\n")).collect()
}

/// A text from the form that [`parts`] shows.
fn unmarked(marked: &str) -> String {
    marked.split_inclusive('\n').map(|line| &line[1..]).collect()
}

/// Asserts that the lines of a text play the parts that stand before them.
#[track_caller]
fn assert_parts(language: Language, marked: &str) {
    let marked = marked.trim_start_matches('\n');
    assert_eq!(parts(language, &unmarked(marked)), marked);
}
