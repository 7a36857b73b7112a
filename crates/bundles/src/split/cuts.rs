use std::ops::Range;

use super::PART_BYTES;
use crate::json::string_end;

/// The spans of a JSON text that are to be taken out, in their order and apart from each other.
///
/// This is one pass, which decides on inner containers before outer ones. It takes time linear in
/// the length of the text, and memory linear in its depth, on the heap. There are none in a text
/// whose strings or brackets do not close.
pub(super) fn find_cuts(json: &[u8]) -> Vec<Range<usize>> {
    if json.len() <= PART_BYTES {
        return Vec::new();
    }
    let mut finder = Finder { json, cuts: Vec::new(), open: Vec::new() };
    match finder.scan() {
        Some(()) if finder.open.is_empty() => finder.cuts,
        _ => Vec::new(),
    }
}

struct Finder<'a> {
    json: &'a [u8],
    cuts: Vec<Range<usize>>,
    open: Vec<Container>,
}

/// An array or object whose end was not reached yet.
struct Container {
    /// Where the elements begin that are to make the next cut.
    run: usize,
    /// How many cuts lie before `run`. There is none in these elements, the current one excepted.
    cuts: usize,
}

impl Finder<'_> {
    /// `None` where a string does not end, or something ends that did not begin.
    fn scan(&mut self) -> Option<()> {
        let mut at = 0;
        while let Some(byte) = self.json.get(at) {
            at += 1;
            match byte {
                b'"' => at = self.string(at)?,
                b',' => self.end_element(at)?,
                b'[' | b'{' => self.open.push(Container { run: at, cuts: self.cuts.len() }),
                b']' | b'}' => {
                    self.open.pop()?;
                }
                _ => {}
            }
        }
        Some(())
    }

    /// Passes the string whose content begins at `from`, and returns where it ends.
    fn string(&mut self, from: usize) -> Option<usize> {
        let end = string_end(self.json, from)?;
        let after = end + 1;
        if end - from > PART_BYTES && !begins_with_colon(&self.json[after..]) {
            self.cuts.push(from..end);
        }
        Some(after)
    }

    /// Takes note of an element that has a comma, which ends before `at`.
    fn end_element(&mut self, at: usize) -> Option<()> {
        let container = self.open.last_mut()?;
        let has_cuts = self.cuts.len() > container.cuts;
        if !has_cuts && at - container.run < PART_BYTES {
            return Some(());
        }
        if !has_cuts {
            self.cuts.push(container.run..at);
        }
        *container = Container { run: at, cuts: self.cuts.len() };
        Some(())
    }
}

/// Whether the string before this is a key.
fn begins_with_colon(json: &[u8]) -> bool {
    json.iter().find(|byte| **byte != b' ') == Some(&b':')
}
