//! Finds items by indentation alone.

use super::assemble::Draft;
use super::item::ItemKind;
use super::rows::{Rows, Span};
use crate::structure::line::{Line, lines};
use crate::structure::outline;

/// What opens deeper lines in most languages without being a part that has a name.
const CONTROL: [&str; 18] = [
    "if", "elif", "else", "for", "foreach", "while", "until", "do", "loop", "switch", "case",
    "match", "try", "catch", "except", "finally", "with", "return",
];

/// The items in rows of a text, by their first rows, each after what it stands in.
pub(super) fn drafts(text: &str, rows: &Rows, span: Span) -> Vec<Draft> {
    let text = &text[rows.bytes(span)];
    let mut listed = outline(text)
        .filter(|line| line.depth == 0 || !is_control(line.text))
        .map(|line| (span.first + line.number - 1, line.depth))
        .peekable();
    let mut found = Found::default();
    for (row, line) in (span.first..).zip(lines(text)) {
        if line.is_blank() {
            continue;
        }
        let depth = listed.next_if(|(listed, _)| *listed == row).map(|(_, depth)| depth);
        let indentation = line.indentation();
        found.close(row, line, indentation, depth == Some(0));
        if depth.is_some() {
            found.open(row, indentation);
        } else {
            found.go_on(indentation);
        }
        found.last = row;
    }
    while found.end_innermost(found.last) {}
    found.drafts
}

fn is_control(line: &str) -> bool {
    let word = line.trim_start_matches(['}', ' ']);
    let end = word.find(|c: char| !c.is_alphanumeric()).unwrap_or(word.len());
    CONTROL.contains(&&word[..end])
}

#[derive(Debug, Default)]
struct Found {
    drafts: Vec<Draft>,
    open: Vec<Open>,
    /// The last row that was not blank.
    last: usize,
}

#[derive(Debug)]
struct Open {
    draft: usize,
    indentation: usize,
    /// Whether a deeper line has followed, without which it is a heading.
    has_deeper: bool,
    /// Whether only its signature has been seen.
    in_signature: bool,
}

impl Found {
    fn open(&mut self, row: usize, indentation: usize) {
        self.go_on(indentation);
        self.open.push(Open {
            draft: self.drafts.len(),
            indentation,
            has_deeper: false,
            in_signature: true,
        });
        let rows = Span { first: row, last: row };
        self.drafts.push(Draft {
            kind: ItemKind::Block,
            name: None,
            rows,
            doc: None,
            signature: Some(rows),
        });
    }

    /// Notes a line in the innermost item.
    fn go_on(&mut self, indentation: usize) {
        if let Some(open) = self.open.last_mut() {
            open.has_deeper |= indentation > open.indentation;
        }
    }

    /// Ends the items that a line is not in; where it closes one, that one ends with it.
    fn close(&mut self, row: usize, line: Line<'_>, indentation: usize, is_outermost: bool) {
        while let Some(open) = self.open.last_mut() {
            if indentation > open.indentation || (!open.has_deeper && !is_outermost) {
                return;
            }
            let closes = indentation == open.indentation && line.closes() && open.has_deeper;
            if !closes {
                self.end_innermost(self.last);
            } else if !line.trimmed().ends_with(['{', '(', '[', ':', '>']) {
                self.end_innermost(row);
                return;
            } else {
                // The parameters end here, and the body begins.
                if open.in_signature && line.trimmed().starts_with(')') {
                    self.drafts[open.draft].signature =
                        Some(Span { first: self.drafts[open.draft].rows.first, last: row });
                }
                open.in_signature = false;
                return;
            }
        }
    }

    fn end_innermost(&mut self, row: usize) -> bool {
        let Some(open) = self.open.pop() else {
            return false;
        };
        let rows = &mut self.drafts[open.draft].rows;
        rows.last = rows.last.max(row);
        true
    }
}
