//! Which names each line says.

use super::line::{Line, Lines, Shape};
use super::names::{Class, each_name};
use super::{Turn, arguments::decoded};
use crate::hash::{HashedMap, hash};

/// The names of all lines, each name by a number of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    names: Vec<u32>,
    starts: Vec<usize>,
    classes: Vec<Class>,
}

impl Index {
    pub(crate) fn of(turns: &[Turn<'_>], lines: &Lines) -> Self {
        let mut starts = Vec::with_capacity(lines.all().len() + 1);
        starts.push(0);
        let mut index = Self { names: Vec::new(), starts, classes: Vec::new() };
        let mut known = HashedMap::default();
        let mut of_line: Vec<u32> = Vec::new();
        for line in lines.all() {
            of_line.clear();
            each_name_of(line, turns[line.turn()].text, |name, class| {
                let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
                let number = *known.entry(hash(name) ^ class as u64).or_insert(next);
                if number == next {
                    index.classes.push(class);
                }
                of_line.push(number);
            });
            of_line.sort_unstable();
            of_line.dedup();
            index.names.extend(&of_line);
            index.starts.push(index.names.len());
        }
        index.names.shrink_to_fit();
        index
    }

    /// The names that a line says, in the order of their numbers, each once.
    pub(crate) fn of_line(&self, line: usize) -> &[u32] {
        &self.names[self.starts[line]..self.starts[line + 1]]
    }

    /// The kinds of all names, by their numbers.
    pub(super) fn classes(&self) -> &[Class] {
        &self.classes
    }
}

fn each_name_of(line: &Line, text: &str, mut visit: impl FnMut(&[u8], Class)) {
    match line.shape() {
        Shape::Argument | Shape::Frame => {
            each_name(&decoded(&text[line.span()]), visit);
        }
        Shape::Text | Shape::Overwritten if line.is_numbered() => {
            each_name(&line.content(text), visit);
        }
        Shape::Text | Shape::Overwritten => {
            let (path, rest) = text[line.span()].split_at(line.opening());
            each_name(path, &mut visit);
            each_name(rest, visit);
        }
    }
}
