//! The shapes that are told as one line, and how they are written.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;

use super::alarm::Severity;
use super::drain::{ClusterId, Drain};
use super::scan::{FieldKind, Scan};
use super::shapes::{Shape, Shapes, Values, first_line};
use crate::hash::mix;

/// A longer identifier is not told beside another.
const LONGEST_OTHER: usize = 24;

/// Shapes that are told as one.
#[derive(Debug)]
pub(super) struct Template {
    /// The shapes by their index, in the order of first occurrence.
    shapes: Vec<usize>,
    pub(super) records: usize,
    pub(super) lines: usize,
    pub(super) alarm: Severity,
    /// The bytes of its first record.
    pub(super) bytes: usize,
    /// How many similar templates come before it.
    pub(super) rank: usize,
    first_line: usize,
    last_line: usize,
}

/// How a template is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// The first record and the number of them.
    Plain,
    /// What the fields range over as well, and where the last record is.
    Ranges,
}

/// The templates in the order of first occurrence.
pub(super) fn templates(text: &str, shapes: &Shapes) -> Vec<Template> {
    let mut templates: Vec<Template> = Vec::new();
    let mut known: HashMap<(ClusterId, u64), usize> = HashMap::new();
    let mut ranks = vec![0; shapes.drain.len()];
    let mut scan = Scan::default();
    for (at, shape) in shapes.known.iter().enumerate() {
        let told_apart_by = if shapes.drain.is_shared(shape.cluster) {
            split(text, shapes, shape, &mut scan)
        } else {
            0
        };
        match known.entry((shape.cluster, told_apart_by)) {
            Entry::Occupied(template) => templates[*template.get()].add(at, shape),
            Entry::Vacant(entry) => {
                entry.insert(templates.len());
                let rank = &mut ranks[shape.cluster.index()];
                templates.push(Template::new(at, shape, *rank));
                *rank += 1;
            }
        }
    }
    templates
}

/// The words of a shape that tell it apart from others of its cluster.
fn split(text: &str, shapes: &Shapes, shape: &Shape, scan: &mut Scan) -> u64 {
    scan.line(first_line(&text[shape.example.0..shape.example.1]));
    let tokens = scan.tokens.iter().enumerate();
    tokens
        .filter(|(at, _)| shapes.drain.is_split(shape.cluster, *at))
        .fold(0, |hash, (_, token)| mix(hash, token.hash))
}

impl Template {
    fn new(at: usize, shape: &Shape, rank: usize) -> Self {
        Self {
            shapes: vec![at],
            records: shape.records,
            lines: shape.lines,
            alarm: shape.alarm,
            bytes: shape.example.1 - shape.example.0,
            rank,
            first_line: shape.first_line,
            last_line: shape.last_line,
        }
    }

    fn add(&mut self, at: usize, shape: &Shape) {
        self.shapes.push(at);
        self.records += shape.records;
        self.lines += shape.lines;
        self.last_line = self.last_line.max(shape.last_line);
    }

    /// Writes the template's line or lines, with the last line end.
    pub(super) fn write(&self, out: &mut String, text: &str, shapes: &Shapes, detail: Detail) {
        let first = &shapes.known[self.shapes[0]];
        let mut at = first.example.0;
        if self.records > 1 {
            let _ = write!(out, "{}× ", self.records);
        }
        if self.records > 1 && detail == Detail::Ranges {
            let notes = self.notes(text, shapes, first);
            if !notes.tells_when {
                let _ = write!(out, "(lines {}–{}) ", self.first_line, self.last_line);
            }
            for (end, note) in &notes.by_place {
                out.push_str(&text[at..*end]);
                out.push_str(note);
                at = *end;
            }
        }
        out.push_str(&text[at..first.example.1]);
        out.push('\n');
    }

    fn notes(&self, text: &str, shapes: &Shapes, first: &Shape) -> Notes {
        let mut scan = Scan::default();
        let mut fields = fields(text, first, &mut scan);
        let tokens = std::mem::take(&mut scan.tokens);
        let mut wild: Vec<Others<'_>> = tokens
            .iter()
            .enumerate()
            .filter(|&(at, _)| self.shapes.len() > 1 && shapes.drain.is_wild(first.cluster, at))
            .map(|(at, token)| {
                let end = first.example.0 + token.end;
                Others {
                    token: at,
                    first: &text[first.example.0 + token.start..end],
                    end,
                    seen: Vec::new(),
                }
            })
            .collect();
        fields.retain(|values| wild.iter().all(|others| others.token != values.token));
        for &other in &self.shapes[1..] {
            let shape = &shapes.known[other];
            merge(text, shape, &shapes.drain, &mut fields, &mut wild, &mut scan);
        }
        let mut notes = Notes { by_place: Vec::new(), tells_when: false };
        for values in fields.iter().filter(|values| values.varies()) {
            notes.tells_when |= values.kind == FieldKind::Time;
            notes.by_place.push((values.first.1, note(text, values)));
        }
        for others in wild {
            notes.by_place.push((others.end, list(&others.seen)));
        }
        notes.by_place.sort_by_key(|(at, _)| *at);
        notes
    }
}

#[derive(Debug)]
struct Notes {
    by_place: Vec<(usize, String)>,
    tells_when: bool,
}

/// A token that differs between shapes.
#[derive(Debug)]
struct Others<'t> {
    token: usize,
    first: &'t str,
    end: usize,
    seen: Vec<&'t str>,
}

fn fields(text: &str, shape: &Shape, scan: &mut Scan) -> Vec<Values> {
    let (start, end) = shape.example;
    scan.line(first_line(&text[start..end]));
    if shape.records > 1 {
        return shape.fields.to_vec();
    }
    scan.fields.iter().map(|field| Values::new(field, start)).collect()
}

fn merge<'t>(
    text: &'t str,
    shape: &Shape,
    drain: &Drain,
    known: &mut [Values],
    wild: &mut [Others<'t>],
    scan: &mut Scan,
) {
    let theirs = fields(text, shape, scan);
    let fixed = theirs.iter().filter(|values| !drain.is_wild(shape.cluster, values.token));
    for (mine, theirs) in known.iter_mut().zip(fixed) {
        mine.merge(text, theirs);
    }
    for others in wild {
        let Some(token) = scan.tokens.get(others.token) else { continue };
        let value = &text[shape.example.0 + token.start..shape.example.0 + token.end];
        // One more than is written, to know that there are more.
        if value != others.first && others.seen.len() < 4 && !others.seen.contains(&value) {
            others.seen.push(value);
        }
    }
}

fn note(text: &str, values: &Values) -> String {
    let of = |span: (usize, usize)| &text[span.0..span.1];
    match values.kind {
        FieldKind::Number => format!("<{}..{}>", of(values.least), of(values.greatest)),
        FieldKind::Time => format!("<..{}>", of(values.greatest)),
        FieldKind::Opaque if values.has_more => "<…>".to_owned(),
        FieldKind::Opaque => {
            list(&values.others.iter().map(|&other| of(other)).collect::<Vec<_>>())
        }
    }
}

/// Up to three other values, `…` for more or longer ones.
fn list(values: &[&str]) -> String {
    let short = values.iter().filter(|value| value.len() <= LONGEST_OTHER).take(3);
    let told: Vec<&str> = short.copied().collect();
    match (told.len() == values.len(), told.is_empty()) {
        (true, _) => format!("<{}>", told.join("|")),
        (false, true) => "<…>".to_owned(),
        (false, false) => format!("<{}|…>", told.join("|")),
    }
}
