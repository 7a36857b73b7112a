//! Makes JSON shorter: tables for arrays of like objects, and samples of long arrays.
//!
//! # Format
//! The result is JSON without white space between values. Numbers and strings are the bytes that
//! they were; members keep their order, and keys that occur twice stay.
//!
//! An array of objects that have keys in common is a table where that is shorter:
//! ```json
//! {"$table":["id",{"type":"user"},["mail"],{"name":{"$columns":["first","last"]}}],
//!  "rows":[[1,["a@b.c"],["Ada","Byron"]],[2,[],["Alan","Turing"]],"a row of its own"]}
//! ```
//! - `"id"`: a column; each row has a value.
//! - `{"type":"user"}`: every row has this value, which is not repeated in them.
//! - `["mail"]`: a member that is not in every object; `["a@b.c"]` is its value, `[]` means that
//!   the object does not have it.
//! - `{"name":{"$columns":[…]}}`: each row has an array with the values of an object's columns.
//! - What is no array in `rows` is an element as it was.
//!
//! Values on lines of their own (JSON Lines) are such a table with `$lines` for `$table`. A
//! document's own key that is one of these marks gets one more `$`.
//!
//! Where elements were left out of an array, its last is `{"$left_out":N}`.

mod expand;
mod marks;
mod sample;
mod table;
mod tape;
mod write;

pub use expand::expand;

use sample::{LEVELS, Sample};
use tape::Tape;

/// Writes JSON without white space, and arrays of like objects as tables: nothing is lost, and
/// [`expand`] turns it back.
///
/// There is none where the text is no JSON, nor values of JSON on lines of their own. It is rarely
/// longer than the text, but it can be by a few bytes.
///
/// ```
/// use maniple_context::json::{compact, expand};
///
/// let jobs = r#"[{"id": 7, "state": "done"}, {"id": 8, "state": "done"}, {"id": 9, "state": "new"}]"#;
/// let short = compact(jobs).unwrap();
/// assert_eq!(short, r#"{"$table":["id","state"],"rows":[[7,"done"],[8,"done"],[9,"new"]]}"#);
/// assert_eq!(expand(&short).unwrap(), jobs.replace(' ', ""));
/// ```
pub fn compact(text: &str) -> Option<String> {
    Some(write::write(&Tape::read(text)?, &mut Sample::default()))
}

/// JSON in at most `room` tokens as `count` counts them: compacted, and with long arrays sampled
/// where that is not enough.
///
/// A sample keeps, as long as there is room, every element that speaks of an error, the first and
/// the last, those with the least and the greatest numbers and with rare values; and of the others
/// as many as fit, spread evenly. There is none where the text is no JSON, or does not fit even
/// with one element of each array of eight and more. Whoever wants it only where it is smaller
/// gives one token less than the text has.
///
/// ```
/// use maniple_context::json::reduce_json;
///
/// let rows: Vec<String> = (0..500).map(|at| format!(r#"{{"at":{at},"ms":5}}"#)).collect();
/// let text = format!("[{}]", rows.join(","));
/// let short = reduce_json(&text, &|text| text.len(), 200).unwrap();
/// assert!(short.len() <= 200);
/// assert!(short.contains("[0]") && short.contains("[499]") && short.contains("$left_out"));
/// ```
pub fn reduce_json(text: &str, count: &dyn Fn(&str) -> usize, room: usize) -> Option<String> {
    let tape = Tape::read(text)?;
    let mut sample = Sample::default();
    let whole = write::write(&tape, &mut sample);
    let tokens = count(&whole);
    if tokens <= room {
        return Some(whole);
    }
    // What a token takes in bytes is much the same all over one document.
    let mut bytes = whole.len() / tokens * room + whole.len() % tokens * room / tokens;
    for _ in 0..MOST_TRIES {
        let short = largest_within(&tape, &mut sample, bytes);
        let tokens = count(&short);
        if tokens <= room {
            return Some(short);
        }
        bytes = bytes.min(short.len()) * room / tokens * 31 / 32;
    }
    let shortest = at_level(&tape, &mut sample, 0);
    (count(&shortest) <= room).then_some(shortest)
}

/// How often a sample is counted before the smallest is taken.
const MOST_TRIES: usize = 4;

/// The largest sample of at most so many bytes, or else the smallest.
fn largest_within(tape: &Tape<'_>, sample: &mut Sample, bytes: usize) -> String {
    let (mut fits, mut too_large) = (0, LEVELS);
    let mut best = at_level(tape, sample, 0);
    if best.len() > bytes {
        return best;
    }
    while too_large - fits > 1 {
        let middle = usize::midpoint(fits, too_large);
        let text = at_level(tape, sample, middle);
        if text.len() <= bytes {
            (best, fits) = (text, middle);
        } else {
            too_large = middle;
        }
    }
    best
}

fn at_level(tape: &Tape<'_>, sample: &mut Sample, level: usize) -> String {
    sample.level = Some(level);
    write::write(tape, sample)
}

#[cfg(test)]
mod tests;
