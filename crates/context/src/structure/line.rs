/// Columns that a tab advances to a multiple of.
const TAB: usize = 4;

/// A line with its terminator, as far as indentation and punctuation tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'t> {
    pub(crate) text: &'t str,
}

pub(crate) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.split_inclusive('\n').map(|text| Line { text })
}

impl<'t> Line<'t> {
    pub(crate) fn trimmed(self) -> &'t str {
        self.text.trim()
    }

    pub(crate) fn is_blank(self) -> bool {
        self.trimmed().is_empty()
    }

    /// The columns before the first character that is not a space or tab.
    pub(crate) fn indentation(self) -> usize {
        let mut column = 0;
        for byte in self.text.bytes() {
            match byte {
                b' ' => column += 1,
                b'\t' => column = (column / TAB + 1) * TAB,
                _ => break,
            }
        }
        column
    }

    /// Whether it ends what earlier lines opened, as `}` and `) -> T {` do.
    pub(crate) fn closes(self) -> bool {
        let trimmed = self.text.trim_start();
        trimmed.starts_with(['}', ')', ']']) || trimmed.starts_with("</")
    }
}
