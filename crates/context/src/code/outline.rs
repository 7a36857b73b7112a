use super::assemble::{Draft, assemble};
use super::item::{CodeItem, CodeLine};
use super::language::Language;
use super::rows::{Rows, Span};
use crate::segment::LineRange;

/// The items of a source text and what each of its lines is to them; made by [`code_outline`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeOutline<'t> {
    pub(super) items: Vec<CodeItem<'t>>,
    pub(super) lines: Vec<CodeLine>,
    pub(super) unread: Vec<LineRange>,
}

impl<'t> CodeOutline<'t> {
    /// The items in order, each after the one that it stands in.
    pub fn items(&self) -> &[CodeItem<'t>] {
        &self.items
    }

    /// What each line is: that of line `n` has the index `n - 1`.
    ///
    /// A blank line goes with the line before it.
    pub fn lines(&self) -> &[CodeLine] {
        &self.lines
    }

    /// The lines that no grammar could follow, in order. What of them is in no item that was read
    /// all the same is outlined by indentation.
    pub fn unread(&self) -> &[LineRange] {
        &self.unread
    }
}

/// Outlines a source text.
///
/// It never fails: what the grammar of the language cannot follow is outlined by indentation, and
/// so is what lies beyond the first 256 KiB, and a text of a language without a grammar (see
/// [`Language`]). A text of which the grammar takes far more steps than of code is given up by it.
/// A line is given to one item, so an item that shares its first line with another one is not
/// listed.
///
/// Time is linear in the text. Memory is about 40 bytes per line and, while a grammar reads, some 20
/// times what it reads.
pub fn code_outline(language: Language, text: &str) -> CodeOutline<'_> {
    let rows = Rows::of(text);
    let reading = read(language, text, &rows);
    assemble(text, &rows, reading)
}

/// What a grammar made of a text.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// What it found, by their first rows, each after what it stands in.
    pub(super) drafts: Vec<Draft>,
    /// Where it could not follow, in order.
    pub(super) unread: Vec<Span>,
}

impl Reading {
    pub(super) fn nothing(rows: &Rows) -> Self {
        let all = rows.len().checked_sub(1).map(|last| Span { first: 0, last });
        Self { drafts: Vec::new(), unread: all.into_iter().collect() }
    }
}

#[cfg(any(
    feature = "lang-rust",
    feature = "lang-python",
    feature = "lang-typescript",
    feature = "lang-javascript"
))]
fn read(language: Language, text: &str, rows: &Rows) -> Reading {
    super::syntax::read(language, text, rows).unwrap_or_else(|| Reading::nothing(rows))
}

#[cfg(not(any(
    feature = "lang-rust",
    feature = "lang-python",
    feature = "lang-typescript",
    feature = "lang-javascript"
)))]
fn read(_: Language, _: &str, rows: &Rows) -> Reading {
    Reading::nothing(rows)
}
