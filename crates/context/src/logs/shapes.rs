//! What is known of the records that differ in their fields alone.

use std::collections::HashMap;

use super::alarm::{Severity, judge};
use super::drain::{ClusterId, Drain};
use super::records::{Record, each_record};
use super::scan::{Field, FieldKind, Scan};

/// Shapes that are told apart: as many again may be alarms. Of what comes later only the number is
/// known.
const MOST_SHAPES: usize = 1 << 16;
/// Values of an identifier that are told beside the first.
pub(super) const MOST_OTHERS: usize = 2;

/// A range of bytes of the text.
pub(super) type Span = (usize, usize);

/// The records of one shape.
#[derive(Debug)]
pub(super) struct Shape {
    /// The first of them.
    pub(super) example: Span,
    pub(super) records: usize,
    /// The lines of all of them.
    pub(super) lines: usize,
    pub(super) first_line: usize,
    pub(super) last_line: usize,
    pub(super) alarm: Severity,
    pub(super) cluster: ClusterId,
    /// Of the fields of its first line, once there are two records.
    pub(super) fields: Box<[Values]>,
}

/// The values of a field.
#[derive(Debug, Clone)]
pub(super) struct Values {
    pub(super) kind: FieldKind,
    /// The token that the field is in.
    pub(super) token: usize,
    pub(super) first: Span,
    pub(super) least: Span,
    /// The last one, where it is a time.
    pub(super) greatest: Span,
    pub(super) others: Vec<Span>,
    /// Whether there are more than those.
    pub(super) has_more: bool,
}

/// All that a log is folded to.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    pub(super) known: Vec<Shape>,
    pub(super) drain: Drain,
    pub(super) records: usize,
    pub(super) lines: usize,
}

impl Shapes {
    pub(super) fn of(text: &str) -> Self {
        let mut shapes = Self::default();
        let mut by_hash: HashMap<u64, usize> = HashMap::new();
        let mut again = Scan::default();
        let mut alarms = 0;
        each_record(text, |record, scan| {
            shapes.records += 1;
            shapes.lines += record.lines;
            if let Some(&at) = by_hash.get(&record.shape) {
                shapes.known[at].add(text, &record, scan, &mut again);
                return;
            }
            let is_full = shapes.known.len() - alarms >= MOST_SHAPES;
            if is_full && alarms >= MOST_SHAPES {
                return;
            }
            let alarm = Severity::from(scan.status).max(judge(record.text));
            if is_full && alarm != Severity::Alarm {
                return;
            }
            alarms += usize::from(alarm == Severity::Alarm);
            // Records of several lines are alike only where all their lines are.
            let further = if record.lines > 1 { record.shape } else { 0 };
            let cluster = shapes.drain.insert(further ^ alarm as u64, &scan.tokens);
            by_hash.insert(record.shape, shapes.known.len());
            shapes.known.push(Shape::new(&record, alarm, cluster));
        });
        shapes.drain.settle();
        shapes
    }
}

impl Shape {
    fn new(record: &Record<'_>, alarm: Severity, cluster: ClusterId) -> Self {
        Self {
            example: (record.start, record.start + record.text.len()),
            records: 1,
            lines: record.lines,
            first_line: record.line,
            last_line: record.line,
            alarm,
            cluster,
            fields: Box::default(),
        }
    }

    fn add(&mut self, text: &str, record: &Record<'_>, scan: &Scan, again: &mut Scan) {
        self.records += 1;
        self.lines += record.lines;
        self.last_line = record.line;
        if self.records == 2 {
            again.line(first_line(&text[self.example.0..self.example.1]));
            self.fields =
                again.fields.iter().map(|field| Values::new(field, self.example.0)).collect();
        }
        for (values, field) in self.fields.iter_mut().zip(&scan.fields) {
            values.add(text, field.kind, span(field, record.start));
        }
    }
}

pub(super) fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or(text).trim_end()
}

fn span(field: &Field, start: usize) -> Span {
    (start + field.start, start + field.end)
}

impl Values {
    pub(super) fn new(field: &Field, start: usize) -> Self {
        let first = span(field, start);
        Self {
            kind: field.kind,
            token: field.token,
            first,
            least: first,
            greatest: first,
            others: Vec::new(),
            has_more: false,
        }
    }

    pub(super) fn varies(&self) -> bool {
        !self.others.is_empty()
    }

    fn add(&mut self, text: &str, kind: FieldKind, value: Span) {
        let of = |span: Span| &text.as_bytes()[span.0..span.1];
        if kind != self.kind {
            self.kind = FieldKind::Opaque;
        }
        match self.kind {
            FieldKind::Time => self.greatest = self.greatest.max(value),
            FieldKind::Number if of(value) != of(self.first) => {
                let key = number(of(value));
                if key < number(of(self.least)) {
                    self.least = value;
                }
                if key > number(of(self.greatest)) {
                    self.greatest = value;
                }
            }
            _ => {}
        }
        if self.has_more || of(value) == of(self.first) {
            return;
        }
        if self.others.iter().all(|&other| of(other) != of(value)) {
            if self.others.len() < MOST_OTHERS {
                self.others.push(value);
            } else {
                self.has_more = true;
            }
        }
    }

    /// Takes in what is known of the same field of another shape.
    pub(super) fn merge(&mut self, text: &str, other: &Self) {
        for value in [other.first, other.least, other.greatest].iter().chain(&other.others) {
            self.add(text, other.kind, *value);
        }
        self.has_more |= other.has_more;
    }
}

/// A number of at most twelve bytes, so that it can be compared: the digits before and after the
/// point.
fn number(bytes: &[u8]) -> (i64, i64) {
    const PLACES: u32 = 12;
    let (sign, digits) = match bytes {
        [b'-', digits @ ..] => (-1, digits),
        digits => (1, digits),
    };
    let mut parts = digits.split(|&byte| byte == b'.').map(|part| {
        part.iter().fold((0_i64, 0), |(value, places), digit| {
            (value * 10 + i64::from(digit.wrapping_sub(b'0')), places + 1)
        })
    });
    let (whole, _) = parts.next().unwrap_or_default();
    let (part, places) = parts.next().unwrap_or_default();
    (sign * whole, sign * part * 10_i64.pow(PLACES.saturating_sub(places)))
}
