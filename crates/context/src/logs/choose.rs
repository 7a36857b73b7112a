//! Which kinds of records are written where there is no room for all.

use std::cmp::Reverse;

use super::LogFold;
use super::alarm::Severity;
use super::templates::{Detail, Template};

/// After so many kinds in a row that did not fit, the room is taken to be full.
const MISFITS: usize = 64;
/// More bytes of a log than this are hardly ever in one token on average.
const LIKELY_BYTES_PER_TOKEN: usize = 4;

pub(super) fn choose(
    fold: &LogFold<'_>,
    count: &dyn Fn(&str) -> usize,
    room: usize,
) -> Option<String> {
    if let Some(whole) = whole(fold, count, room) {
        return Some(whole);
    }
    let order = by_worth(&fold.templates);
    // As if all were left out: that is the longest.
    let title = count(&title(fold, fold.templates.len(), fold.shapes.lines));
    let mut choice = Choice { fold, count, left: room.checked_sub(title)?, lines: Vec::new() };
    choice.lines.resize_with(fold.templates.len(), || None);
    choice.take(&order);
    choice.detail(&order);
    let mut taken: Vec<usize> =
        order.into_iter().filter(|&at| choice.lines[at].is_some()).collect();
    loop {
        if taken.is_empty() {
            return None;
        }
        let text = choice.text();
        // Lines that are counted one by one may be a token less than together.
        if count(&text) <= room {
            return Some(text);
        }
        if let Some(last) = taken.pop() {
            choice.lines[last] = None;
        }
    }
}

/// Everything with all notes, where it is likely to fit and does.
fn whole(fold: &LogFold<'_>, count: &dyn Fn(&str) -> usize, room: usize) -> Option<String> {
    let mut text = title(fold, 0, fold.lines_untold());
    for template in &fold.templates {
        template.write(&mut text, fold.text, &fold.shapes, Detail::Ranges);
        if text.len() / LIKELY_BYTES_PER_TOKEN > room {
            return None;
        }
    }
    (!fold.templates.is_empty() && count(&text) <= room).then_some(text)
}

/// The templates from the most to the least worth: alarms, then what is worth most for its length.
fn by_worth(templates: &[Template]) -> Vec<usize> {
    let key = |template: &Template| {
        let level: u64 = match template.alarm {
            Severity::Alarm => 16,
            Severity::Notice => 3,
            Severity::Calm => 2,
        };
        let is_new_alarm = template.alarm == Severity::Alarm && template.rank == 0;
        let rarity = 12 - u64::from(template.records.ilog2().min(8));
        let cost = (template.rank as u64 + 1) * (template.bytes as u64 + 32);
        (is_new_alarm, ((level * rarity) << 32) / cost)
    };
    let mut order: Vec<usize> = (0..templates.len()).collect();
    order.sort_by_cached_key(|&at| (Reverse(key(&templates[at])), at));
    order
}

struct Choice<'f, 't> {
    fold: &'f LogFold<'t>,
    count: &'f dyn Fn(&str) -> usize,
    left: usize,
    lines: Vec<Option<(String, usize)>>,
}

impl Choice<'_, '_> {
    fn write(&self, at: usize, detail: Detail) -> (String, usize) {
        let mut line = String::new();
        let template = &self.fold.templates[at];
        template.write(&mut line, self.fold.text, &self.fold.shapes, detail);
        let tokens = (self.count)(&line);
        (line, tokens)
    }

    fn take(&mut self, order: &[usize]) {
        let mut misfits = 0;
        for &at in order {
            let (line, tokens) = self.write(at, Detail::Plain);
            if tokens <= self.left {
                self.left -= tokens;
                self.lines[at] = Some((line, tokens));
                misfits = 0;
            } else {
                misfits += 1;
            }
            if misfits == MISFITS {
                return;
            }
        }
    }

    fn detail(&mut self, order: &[usize]) {
        let mut misfits = 0;
        for &at in order {
            let Some((_, before)) = self.lines[at] else { continue };
            if self.fold.templates[at].records == 1 {
                continue;
            }
            let (line, tokens) = self.write(at, Detail::Ranges);
            if tokens <= self.left + before {
                self.left = self.left + before - tokens;
                self.lines[at] = Some((line, tokens));
                misfits = 0;
            } else {
                misfits += 1;
            }
            if misfits == MISFITS {
                return;
            }
        }
    }

    fn text(&self) -> String {
        let missing = self.lines.iter().zip(&self.fold.templates);
        let missing = missing.filter(|(line, _)| line.is_none()).map(|(_, template)| template);
        let (mut kinds, mut told) = (0, self.fold.shapes.lines);
        for template in missing {
            kinds += 1;
            told -= template.lines;
        }
        let mut text =
            title(self.fold, kinds, self.fold.shapes.lines - told + self.fold.lines_untold());
        for (line, _) in self.lines.iter().flatten() {
            text.push_str(line);
        }
        text
    }
}

/// The first line, which says what the others are.
fn title(fold: &LogFold<'_>, kinds_left_out: usize, lines_left_out: usize) -> String {
    let (lines, kinds) = (fold.shapes.lines, fold.templates.len());
    let left_out = if lines_left_out > 0 {
        format!("; {kinds_left_out} kinds of {lines_left_out} lines left out")
    } else {
        String::new()
    };
    format!(
        "[log: {lines} lines as {kinds} kinds, in order of first occurrence{left_out}. N×: seen N \
         times, first one shown; 7<2..9>: 7 here, 2 to 9 in all; <a|b>, <…>: other values]\n"
    )
}
