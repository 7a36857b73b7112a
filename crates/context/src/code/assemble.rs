//! Makes an outline of what was found: items that are nested or disjoint, and a part for each line.

use std::ops::Range;

use super::indentation;
use super::item::{CodeItem, CodeLine, ItemKind, LinePart};
use super::outline::{CodeOutline, Reading};
use super::rows::{Rows, Span};
use crate::segment::LineRange;

/// An item as it was found.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) kind: ItemKind,
    pub(super) name: Option<Range<usize>>,
    pub(super) rows: Span,
    pub(super) doc: Option<Span>,
    pub(super) signature: Option<Span>,
}

impl Draft {
    /// A part of no name that is all body.
    fn statements(rows: Span) -> Self {
        Self { kind: ItemKind::Statements, name: None, rows, doc: None, signature: None }
    }

    /// The rows after the signature, without the one that closes it.
    fn body(&self, rows: &Rows) -> Option<Span> {
        let Some(signature) = self.signature else {
            return self.doc.is_none().then_some(self.rows);
        };
        let closing = usize::from(rows.closes(self.rows.last));
        (signature.last + closing < self.rows.last)
            .then(|| Span { first: signature.last + 1, last: self.rows.last - closing })
    }
}

pub(super) fn assemble<'t>(text: &'t str, rows: &Rows, reading: Reading) -> CodeOutline<'t> {
    let mut assembly = Assembly { text, rows, items: Vec::new(), open: Vec::new() };
    let mut next = 0;
    let mut unread = reading.unread.iter().copied().peekable();
    for draft in reading.drafts {
        // What stands in an item is left to that item.
        if draft.rows.first >= next {
            assembly.fill(next..draft.rows.first, &mut unread);
            next = draft.rows.first;
        }
        if assembly.add(&draft) {
            next = next.max(draft.rows.last + 1);
        }
    }
    assembly.fill(next..rows.len(), &mut unread);
    if assembly.items.is_empty() && rows.len() > 0 {
        assembly.add(&Draft::statements(Span { first: 0, last: rows.len() - 1 }));
    }
    let lines = parts(text, rows, &assembly.items);
    let unread = reading.unread.into_iter().map(lines_of).collect();
    CodeOutline { items: assembly.items, lines, unread }
}

struct Assembly<'t, 'r> {
    text: &'t str,
    rows: &'r Rows,
    items: Vec<CodeItem<'t>>,
    /// Those that the next one may stand in, with their rows and those of their bodies.
    open: Vec<Open>,
}

struct Open {
    item: usize,
    rows: Span,
    body: Option<Span>,
}

impl Assembly<'_, '_> {
    /// Adds an item, unless it shares a line with what is there and is not inside a body.
    fn add(&mut self, draft: &Draft) -> bool {
        while self.open.pop_if(|open| open.rows.last < draft.rows.first).is_some() {}
        let follows = self.items.last().is_none_or(|item| item.lines.first() <= draft.rows.first);
        let fits = self.open.last().is_none_or(|open| {
            let inside = open.body.is_some_and(|body| body.contains(draft.rows.first));
            inside && draft.rows.last <= open.rows.last
        });
        if !follows || !fits {
            return false;
        }
        let body = draft.body(self.rows);
        let item = self.items.len();
        self.items.push(CodeItem {
            kind: draft.kind,
            name: draft.name.clone().and_then(|name| self.text.get(name)),
            depth: self.open.len(),
            parent: self.open.last().map(|open| open.item),
            lines: lines_of(draft.rows),
            doc: draft.doc.map(lines_of),
            signature: draft.signature.map(lines_of),
            body: body.map(lines_of),
            bytes: self.rows.bytes(draft.rows),
        });
        self.open.push(Open { item, rows: draft.rows, body });
        true
    }

    /// Adds what is found in rows that no item has claimed.
    fn fill(
        &mut self,
        rows: Range<usize>,
        unread: &mut std::iter::Peekable<impl Iterator<Item = Span>>,
    ) {
        if rows.is_empty() {
            return;
        }
        let Some(gap) =
            self.rows.without_blank_ends(Span { first: rows.start, last: rows.end - 1 })
        else {
            return;
        };
        while unread.next_if(|unread| unread.last < gap.first).is_some() {}
        let mut next = gap.first;
        if unread.peek().is_some_and(|unread| unread.meets(gap)) {
            for draft in indentation::drafts(self.text, self.rows, gap) {
                self.paragraphs(next..draft.rows.first);
                if self.add(&draft) {
                    next = next.max(draft.rows.last + 1);
                }
            }
        }
        self.paragraphs(next..gap.last + 1);
    }

    /// Adds a part for each run of rows that begins without indentation after a blank row.
    fn paragraphs(&mut self, rows: Range<usize>) {
        let mut first = None;
        let mut last = rows.start;
        for row in rows {
            if self.rows.is_blank(row) {
                continue;
            }
            if let Some(begun) = first
                && last + 1 < row
                && !self.starts_indented(row)
            {
                self.add(&Draft::statements(Span { first: begun, last }));
                first = None;
            }
            first.get_or_insert(row);
            last = row;
        }
        if let Some(first) = first {
            self.add(&Draft::statements(Span { first, last }));
        }
    }

    fn starts_indented(&self, row: usize) -> bool {
        let bytes = self.rows.bytes(Span { first: row, last: row });
        self.text[bytes].starts_with([' ', '\t'])
    }
}

/// The part that each line plays, found in one pass over lines and items.
fn parts(text: &str, rows: &Rows, items: &[CodeItem<'_>]) -> Vec<CodeLine> {
    let mut lines: Vec<CodeLine> = Vec::with_capacity(rows.len());
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut next = 0;
    for row in 0..rows.len() {
        let line = row + 1;
        while open.pop_if(|(item, _)| items[*item].lines.last() < line).is_some() {}
        while let Some(item) = items.get(next).filter(|item| item.lines.first() == line) {
            open.push((next, doc_head(text, rows, item)));
            next += 1;
        }
        let before = lines.last().copied().filter(|_| rows.is_blank(row));
        lines.push(match (before, open.last()) {
            (Some(before), _) => before,
            (None, Some(&(item, head))) => part_of(item, &items[item], head, line),
            // Blank, above everything: what follows begins here.
            (None, None) => CodeLine { item: 0, part: first_part(items) },
        });
    }
    lines
}

fn part_of(index: usize, item: &CodeItem<'_>, doc_head: usize, line: usize) -> CodeLine {
    let within = |lines: Option<LineRange>| {
        lines.is_some_and(|lines| (lines.first()..=lines.last()).contains(&line))
    };
    let part = if within(item.doc) {
        if line <= doc_head { LinePart::Signature } else { LinePart::Doc }
    } else if within(item.body) {
        LinePart::Body
    } else {
        LinePart::Signature
    };
    CodeLine { item: index, part }
}

fn first_part(items: &[CodeItem<'_>]) -> LinePart {
    let is_statements = items.first().is_none_or(|item| item.kind == ItemKind::Statements);
    if is_statements { LinePart::Body } else { LinePart::Signature }
}

/// The first line of a documentation that has a word.
fn doc_head(text: &str, rows: &Rows, item: &CodeItem<'_>) -> usize {
    let Some(doc) = item.doc else {
        return 0;
    };
    (doc.first()..=doc.last())
        .find(|line| {
            let bytes = rows.bytes(Span { first: line - 1, last: line - 1 });
            text[bytes].contains(char::is_alphanumeric)
        })
        .unwrap_or(doc.first())
}

fn lines_of(span: Span) -> LineRange {
    LineRange::new(span.first + 1, span.last + 1).expect("the first row of a span is no later")
}
