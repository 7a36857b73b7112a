use crate::code::rows::Span;

/// The comments and attributes right above the next item, among the children of one node.
#[derive(Debug, Default)]
pub(super) struct Lead {
    rows: Option<Span>,
    pub(super) doc: Option<Span>,
    pub(super) is_test: bool,
    /// The last row of what stands before them.
    before: Option<usize>,
}

impl Lead {
    /// Forgets them: what stands before the next item ends in this row.
    pub(super) fn reset(&mut self, before: Option<usize>) {
        *self = Self { before, ..Self::default() };
    }

    /// Adds a comment, or forgets everything if it is of the line before or an inner one.
    pub(super) fn comment(&mut self, rows: Span, is_inner: bool) {
        if is_inner || self.before == Some(rows.first) {
            self.reset(Some(rows.last));
            return;
        }
        let goes_on = self.take(rows);
        self.doc = match self.doc {
            Some(doc) if goes_on && doc.last + 1 >= rows.first => {
                Some(Span { first: doc.first, last: rows.last })
            }
            // The first of two that attributes part.
            Some(doc) if goes_on => Some(doc),
            _ => Some(rows),
        };
    }

    pub(super) fn attribute(&mut self, rows: Span, is_test: bool) {
        if !self.take(rows) {
            self.doc = None;
            self.is_test = false;
        }
        self.is_test |= is_test;
    }

    /// Whether the rows go on with what was there.
    fn take(&mut self, rows: Span) -> bool {
        let goes_on = self.rows.is_some_and(|lead| lead.last + 1 >= rows.first);
        let first = self.rows.filter(|_| goes_on).map_or(rows.first, |lead| lead.first);
        self.rows = Some(Span { first, last: rows.last });
        goes_on
    }

    /// Where an item begins whose own first row is this, and its documentation.
    pub(super) fn above(&self, row: usize) -> (usize, Option<Span>) {
        match self.rows {
            Some(lead) if lead.last + 1 >= row => (lead.first, self.doc),
            _ => (row, None),
        }
    }
}
