//! The columns that the objects of an array have in common.

use super::tape::{Shape, Tape, Value};

/// A column of a table.
#[derive(Debug)]
pub(super) struct Column<'t> {
    /// Its key as it is in the text, with quotes.
    pub(super) key: &'t str,
    pub(super) content: Content<'t>,
}

/// What a column holds.
#[derive(Debug)]
pub(super) enum Content<'t> {
    /// A value in each row.
    Values,
    /// A value in some rows.
    Optional,
    /// The same value in all rows.
    Constant(Value),
    /// Objects that have columns in common themselves.
    Nested(Vec<Column<'t>>),
}

/// More columns are no table to read.
const MOST_COLUMNS: usize = 128;
/// A key that fewer than one of so many objects have makes no column.
const RARE: usize = 4;
/// What a table is longer by than its columns and rows, in bytes.
const OVERHEAD: i64 = 24;
/// Objects in columns of objects in columns …
const MOST_NESTED: usize = 4;

/// The columns of `elements` where a table of them is shorter than they are.
///
/// Objects that do not fit into the columns stand for themselves in it, and so does whatever is no
/// object; but an array would be taken for a row.
pub(super) fn columns<'t>(tape: &Tape<'t>, elements: &[Value]) -> Option<Vec<Column<'t>>> {
    if elements.len() < 2 || elements.iter().any(|&value| tape.shape(value) == Shape::Array) {
        return None;
    }
    let is_object = |value: &&Value| tape.shape(**value) == Shape::Object;
    let objects: Vec<Value> = elements.iter().filter(is_object).copied().collect();
    let (columns, saved) = describe(tape, &objects, MOST_NESTED)?;
    (saved > OVERHEAD).then_some(columns)
}

/// The values of an object by column, into `cells`; false where it does not fit.
pub(super) fn cells<K>(
    tape: &Tape<'_>,
    object: Value,
    columns: &[K],
    key_of: impl Fn(&K) -> &str,
    cells: &mut Vec<Option<Value>>,
) -> bool {
    cells.clear();
    for (key, value) in tape.members(object) {
        let after = &columns[cells.len()..];
        let Some(skipped) = after.iter().position(|column| key_of(column) == key) else {
            return false;
        };
        cells.resize(cells.len() + skipped, None);
        cells.push(Some(value));
    }
    cells.resize(columns.len(), None);
    true
}

/// The keys in an order that most objects follow.
fn common_keys<'t>(tape: &Tape<'t>, objects: &[Value]) -> Vec<&'t str> {
    let mut keys: Vec<(&str, usize)> = Vec::new();
    for &object in objects {
        let mut at = 0;
        for (key, _) in tape.members(object) {
            if let Some(skipped) = keys[at..].iter().position(|(known, _)| *known == key) {
                at += skipped;
                keys[at].1 += 1;
            } else if keys.len() < MOST_COLUMNS && keys[..at].iter().all(|(known, _)| *known != key)
            {
                keys.insert(at, (key, 1));
            } else {
                break;
            }
            at += 1;
        }
    }
    let is_common = |(_, times): &(&str, usize)| times * RARE >= objects.len();
    keys.into_iter().filter(is_common).map(|(key, _)| key).collect()
}

/// What is known of a column's values.
#[derive(Debug, Clone)]
struct Tally {
    first: Option<Value>,
    present: usize,
    is_constant: bool,
    holds_objects: bool,
}

/// The columns of objects, and how many bytes they save over the objects that fit; none where fewer
/// than two do.
fn describe<'t>(
    tape: &Tape<'t>,
    objects: &[Value],
    nested: usize,
) -> Option<(Vec<Column<'t>>, i64)> {
    let keys = common_keys(tape, objects);
    let unseen = Tally { first: None, present: 0, is_constant: true, holds_objects: true };
    let mut tallies = vec![unseen; keys.len()];
    let mut row = Vec::new();
    let mut fitting = Vec::new();
    for &object in objects {
        if !cells(tape, object, &keys, |key| key, &mut row) {
            continue;
        }
        fitting.push(object);
        for (tally, value) in tallies.iter_mut().zip(&row) {
            let Some(value) = *value else { continue };
            let first = *tally.first.get_or_insert(value);
            tally.present += 1;
            tally.is_constant = tally.is_constant && tape.raw(first) == tape.raw(value);
            tally.holds_objects = tally.holds_objects && tape.shape(value) == Shape::Object;
        }
    }
    if fitting.len() < 2 || keys.is_empty() {
        return None;
    }
    let mut saved = 0;
    let columns = tallies.iter().enumerate().map(|(at, tally)| {
        let key = keys[at];
        let (content, bytes) = match tally.first {
            Some(first) if tally.present == fitting.len() && tally.is_constant => {
                let cell = size(tape.raw(first)) + 1;
                (Content::Constant(first), times(fitting.len(), cell) - cell)
            }
            _ if tally.present < fitting.len() => {
                let missing = fitting.len() - tally.present;
                (Content::Optional, -times(tally.present, 2) - times(missing, 3))
            }
            _ if tally.holds_objects && nested > 0 => {
                let inner = fitting.iter().filter_map(|&object| {
                    cells(tape, object, &keys, |key| key, &mut row).then(|| row[at])?
                });
                nested_columns(tape, &inner.collect::<Vec<_>>(), nested - 1)
                    .unwrap_or((Content::Values, 0))
            }
            _ => (Content::Values, 0),
        };
        saved += times(tally.present.saturating_sub(1), size(key) + 1) + bytes;
        Column { key, content }
    });
    Some((columns.collect(), saved))
}

/// The columns of objects that all fit, where they save something.
fn nested_columns<'t>(
    tape: &Tape<'t>,
    objects: &[Value],
    nested: usize,
) -> Option<(Content<'t>, i64)> {
    let (columns, saved) = describe(tape, objects, nested)?;
    let mut row = Vec::new();
    let all_fit =
        objects.iter().all(|&object| cells(tape, object, &columns, |column| column.key, &mut row));
    (all_fit && saved > OVERHEAD).then(|| (Content::Nested(columns), saved - OVERHEAD))
}

fn size(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// How much `count` times `bytes` is; texts are below 2^32 bytes, so it cannot overflow.
fn times(count: usize, bytes: i64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(bytes)
}
