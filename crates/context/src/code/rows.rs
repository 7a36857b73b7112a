use std::ops::Range;

use crate::structure::line::lines;

/// The lines of a text, counted from 0, as far as an outline needs to know them.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<Row>,
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    start: usize,
    blank: bool,
    closes: bool,
}

/// Rows of a text, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Span {
    pub(super) fn contains(self, row: usize) -> bool {
        (self.first..=self.last).contains(&row)
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl Rows {
    pub(super) fn of(text: &str) -> Self {
        let mut start = 0;
        let rows = lines(text)
            .map(|line| {
                let row = Row { start, blank: line.is_blank(), closes: line.closes() };
                start += line.text.len();
                row
            })
            .collect();
        Self { rows, bytes: text.len() }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_blank(&self, row: usize) -> bool {
        self.rows[row].blank
    }

    /// Whether it ends what earlier rows opened.
    pub(super) fn closes(&self, row: usize) -> bool {
        self.rows[row].closes
    }

    /// Where rows stand in the text, line ends included.
    pub(super) fn bytes(&self, span: Span) -> Range<usize> {
        let end = self.rows.get(span.last + 1).map_or(self.bytes, |row| row.start);
        self.rows[span.first].start..end
    }

    /// The rows of a span that are not blank at its ends, if there are any.
    pub(super) fn without_blank_ends(&self, span: Span) -> Option<Span> {
        let first = (span.first..=span.last).find(|&row| !self.is_blank(row))?;
        let last = (first..=span.last).rev().find(|&row| !self.is_blank(row))?;
        Some(Span { first, last })
    }
}
