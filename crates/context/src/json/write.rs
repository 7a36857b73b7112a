//! Writes values without white space, and arrays of like objects as tables.

use super::marks::{COLUMNS, DEEPEST, LEFT_OUT, LINES, ROWS, TABLE, escape, minify};
use super::sample::{Kept, Sample};
use super::table::{Column, Content, cells, columns};
use super::tape::{Shape, Tape, Value};

/// Writes the values of a text, with what `sample` leaves of its arrays.
pub(super) fn write(tape: &Tape<'_>, sample: &mut Sample) -> String {
    let mut writer = Writer { tape, sample, out: String::new() };
    let mut roots = tape.roots();
    match (roots.next(), roots.next()) {
        (Some(root), None) => writer.value(root, 0),
        _ => writer.lines(),
    }
    writer.out
}

struct Writer<'w, 't> {
    tape: &'w Tape<'t>,
    sample: &'w mut Sample,
    out: String,
}

impl<'t> Writer<'_, 't> {
    fn lines(&mut self) {
        let kept = self.sample.lines(self.tape);
        if let Some(columns) = columns(self.tape, &kept.elements) {
            self.table(LINES, &columns, &kept, 0);
            return;
        }
        for (at, &value) in kept.elements.iter().enumerate() {
            if at > 0 {
                self.out.push('\n');
            }
            self.value(value, 0);
        }
        if kept.left_out > 0 {
            self.out.push('\n');
            self.left_out(kept.left_out);
        }
    }

    fn value(&mut self, value: Value, depth: usize) {
        if depth >= DEEPEST {
            minify(&mut self.out, self.tape.raw(value), escape);
            return;
        }
        match self.tape.shape(value) {
            Shape::Object => {
                self.out.push('{');
                for (at, (key, value)) in self.tape.members(value).enumerate() {
                    self.comma(at);
                    escape(&mut self.out, key);
                    self.out.push(':');
                    self.value(value, depth + 1);
                }
                self.out.push('}');
            }
            Shape::Array => self.array(value, depth),
            Shape::String | Shape::Other => self.out.push_str(self.tape.raw(value)),
        }
    }

    fn array(&mut self, array: Value, depth: usize) {
        let kept = self.sample.array(self.tape, array);
        if let Some(columns) = columns(self.tape, &kept.elements) {
            self.table(TABLE, &columns, &kept, depth);
            return;
        }
        self.out.push('[');
        for (at, &value) in kept.elements.iter().enumerate() {
            self.comma(at);
            self.value(value, depth + 1);
        }
        if kept.left_out > 0 {
            self.comma(kept.elements.len());
            self.left_out(kept.left_out);
        }
        self.out.push(']');
    }

    fn table(&mut self, mark: &str, columns: &[Column<'t>], kept: &Kept, depth: usize) {
        self.out.push('{');
        self.out.push_str(mark);
        self.out.push(':');
        self.columns(columns, depth);
        self.out.push(',');
        self.out.push_str(ROWS);
        self.out.push_str(":[");
        let mut row = Vec::new();
        for (at, &element) in kept.elements.iter().enumerate() {
            self.comma(at);
            let is_object = self.tape.shape(element) == Shape::Object;
            if is_object && cells(self.tape, element, columns, |column| column.key, &mut row) {
                self.row(columns, &row, depth + 1);
            } else {
                self.value(element, depth + 1);
            }
        }
        if kept.left_out > 0 {
            self.comma(kept.elements.len());
            self.left_out(kept.left_out);
        }
        self.out.push_str("]}");
    }

    fn columns(&mut self, columns: &[Column<'t>], depth: usize) {
        self.out.push('[');
        for (at, column) in columns.iter().enumerate() {
            self.comma(at);
            let (open, close) = match column.content {
                Content::Values => ("", ""),
                Content::Optional => ("[", "]"),
                Content::Constant(_) | Content::Nested(_) => ("{", "}"),
            };
            self.out.push_str(open);
            match &column.content {
                Content::Values | Content::Optional => self.out.push_str(column.key),
                Content::Constant(value) => {
                    escape(&mut self.out, column.key);
                    self.out.push(':');
                    self.value(*value, depth + 1);
                }
                Content::Nested(columns) => {
                    escape(&mut self.out, column.key);
                    self.out.push_str(":{");
                    self.out.push_str(COLUMNS);
                    self.out.push(':');
                    self.columns(columns, depth);
                    self.out.push('}');
                }
            }
            self.out.push_str(close);
        }
        self.out.push(']');
    }

    fn row(&mut self, columns: &[Column<'t>], row: &[Option<Value>], depth: usize) {
        self.out.push('[');
        let mut written = 0;
        for (column, value) in columns.iter().zip(row) {
            if matches!(column.content, Content::Constant(_)) {
                continue;
            }
            self.comma(written);
            written += 1;
            match (&column.content, *value) {
                (Content::Optional, Some(value)) => {
                    self.out.push('[');
                    self.value(value, depth + 1);
                    self.out.push(']');
                }
                (Content::Nested(columns), Some(object)) => {
                    let mut inner = Vec::new();
                    cells(self.tape, object, columns, |column| column.key, &mut inner);
                    self.row(columns, &inner, depth + 1);
                }
                (_, Some(value)) => self.value(value, depth + 1),
                (_, None) => self.out.push_str("[]"),
            }
        }
        self.out.push(']');
    }

    fn left_out(&mut self, elements: usize) {
        self.out.push('{');
        self.out.push_str(LEFT_OUT);
        self.out.push(':');
        self.out.push_str(&elements.to_string());
        self.out.push('}');
    }

    fn comma(&mut self, before: usize) {
        if before > 0 {
            self.out.push(',');
        }
    }
}
