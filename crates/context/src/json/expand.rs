//! Turns compacted JSON back.

use super::marks::{COLUMNS, DEEPEST, LINES, ROWS, TABLE, minify, unescape};
use super::tape::{Shape, Tape, Value};

/// A table has at most twice the levels of what it stands for.
const DEEPEST_WRITTEN: usize = 2 * DEEPEST + 8;

/// Turns what [`compact`](super::compact) wrote back into what it was given, without white space
/// between values: the same values and members in the same order, byte for byte.
///
/// There is none where the text is no JSON, or has a table that `compact` would not write.
pub fn expand(text: &str) -> Option<String> {
    let tape = Tape::read(text)?;
    let mut expander = Expander { tape: &tape, out: String::new() };
    for (at, root) in tape.roots().enumerate() {
        expander.separate(at, '\n');
        match expander.table(root, LINES) {
            Some((columns, rows)) => expander.rows(columns, rows, '\n', 0)?,
            None => expander.value(root, 0)?,
        }
    }
    Some(expander.out)
}

struct Expander<'w, 't> {
    tape: &'w Tape<'t>,
    out: String,
}

impl Expander<'_, '_> {
    fn value(&mut self, value: Value, depth: usize) -> Option<()> {
        if depth >= DEEPEST_WRITTEN {
            minify(&mut self.out, self.tape.raw(value), unescape);
            return Some(());
        }
        match self.tape.shape(value) {
            Shape::Object => {
                if let Some((columns, rows)) = self.table(value, TABLE) {
                    self.out.push('[');
                    self.rows(columns, rows, ',', depth)?;
                    self.out.push(']');
                    return Some(());
                }
                self.out.push('{');
                for (at, (key, value)) in self.tape.members(value).enumerate() {
                    self.separate(at, ',');
                    unescape(&mut self.out, key);
                    self.out.push(':');
                    self.value(value, depth + 1)?;
                }
                self.out.push('}');
            }
            Shape::Array => {
                self.out.push('[');
                for (at, value) in self.tape.parts(value).enumerate() {
                    self.separate(at, ',');
                    self.value(value, depth + 1)?;
                }
                self.out.push(']');
            }
            Shape::String | Shape::Other => self.out.push_str(self.tape.raw(value)),
        }
        Some(())
    }

    /// The columns and the rows of a table.
    fn table(&self, value: Value, mark: &str) -> Option<(Value, Value)> {
        if self.tape.shape(value) != Shape::Object {
            return None;
        }
        let mut members = self.tape.members(value);
        let (_, columns) = members.next().filter(|(key, _)| *key == mark)?;
        let (_, rows) = members.next().filter(|(key, _)| *key == ROWS)?;
        members.next().is_none().then_some((columns, rows))
    }

    fn rows(&mut self, columns: Value, rows: Value, separator: char, depth: usize) -> Option<()> {
        for (at, row) in self.tape.parts(rows).enumerate() {
            self.separate(at, separator);
            if self.tape.shape(row) == Shape::Array {
                self.row(columns, row, depth + 1)?;
            } else {
                self.value(row, depth + 1)?;
            }
        }
        Some(())
    }

    fn row(&mut self, columns: Value, row: Value, depth: usize) -> Option<()> {
        if depth >= DEEPEST_WRITTEN || self.tape.shape(columns) != Shape::Array {
            return None;
        }
        let mut cells = self.tape.parts(row);
        let mut written = 0;
        self.out.push('{');
        for column in self.tape.parts(columns) {
            match self.tape.shape(column) {
                Shape::String => {
                    self.separate(written, ',');
                    self.out.push_str(self.tape.raw(column));
                    self.out.push(':');
                    self.value(cells.next()?, depth + 1)?;
                }
                Shape::Array => {
                    let Some(value) = self.tape.parts(cells.next()?).next() else { continue };
                    self.separate(written, ',');
                    self.out.push_str(self.tape.raw(self.tape.parts(column).next()?));
                    self.out.push(':');
                    self.value(value, depth + 1)?;
                }
                Shape::Object => {
                    let (key, content) = self.tape.members(column).next()?;
                    self.separate(written, ',');
                    unescape(&mut self.out, key);
                    self.out.push(':');
                    match self.nested(content) {
                        Some(columns) => self.row(columns, cells.next()?, depth + 1)?,
                        None => self.value(content, depth + 1)?,
                    }
                }
                Shape::Other => return None,
            }
            written += 1;
        }
        self.out.push('}');
        cells.next().is_none().then_some(())
    }

    fn nested(&self, content: Value) -> Option<Value> {
        if self.tape.shape(content) != Shape::Object {
            return None;
        }
        let (_, columns) = self.tape.members(content).next().filter(|(key, _)| *key == COLUMNS)?;
        Some(columns)
    }

    fn separate(&mut self, before: usize, separator: char) {
        if before > 0 {
            self.out.push(separator);
        }
    }
}
