use maniple_context::code::Language;

use crate::{assert_parts, items};

#[test]
fn a_language_without_a_grammar_is_outlined_by_indentation() {
    assert_parts(
        Language::Other,
        "
b#include <a.h>
b
sint first(
s    int a,
s    int b
s) {
b    if (a) {
b        return b;
b    } else {
b        return a;
b    }
s}
s
sclass Wide {
b    int field;
b
s    int method() {
b        return 1;
s    }
s}
",
    );
}

#[test]
fn headings_hold_what_follows_them() {
    let text = "# Title\n\nText.\n\n## Part\n\nMore.\nAnd more.\n";
    assert_eq!(items(Language::Other, text), "Block 1-3\nBlock 5-8\n");
}

#[test]
fn paragraphs_of_statements_are_parts() {
    let text = "\n\na = 1\nb = 2\n\nc = 3\n";
    assert_eq!(items(Language::Other, text), "Statements 3-4\nStatements 6-6\n");
}

#[test]
fn texts_of_nothing_have_hardly_an_outline() {
    assert_eq!(items(Language::Other, ""), "");
    assert_eq!(items(Language::Other, "\n \n"), "Statements 1-2\n");
}
