//! Folds a log to a line per template.
//!
//! A log says the same thing many times with other numbers. [`LogFold`] finds what it says (by the
//! method of Drain: He et al., ICWS 2017) and writes each thing once.
//!
//! # Format
//! ```text
//! [log: 5 lines as 2 kinds, in order of first occurrence. N×: seen N times, first one shown; 7<2..9>: 7 here, 2 to 9 in all; <a|b>, <…>: other values]
//! 4× 10:00:01<..10:07:30> INFO served /a</b|/c> in 7<2..9> ms
//! 10:03:00 ERROR disk sda1 is full
//! ```
//! - The first line says how much was folded, and, where lines were left out, how many.
//! - A kind that occurs once is its record, byte for byte. A record is a line with those that
//!   belong to it, such as a stack trace.
//! - A kind that occurs more often begins with how often, and shows its first record in full.
//!   Behind each value that varies stands what it varies over: `<least..greatest>` of a number,
//!   `<..last>` of a time, other values or `<…>` of the rest. A log without times has `(lines
//!   first–last)` instead. These notes are left out of a kind where there is no room for them.

mod alarm;
mod choose;
mod drain;
mod records;
mod scan;
mod shapes;
mod templates;

pub(crate) use alarm::{Severity, judge};
use choose::choose;
use shapes::Shapes;
use templates::{Template, templates};

/// What a log says, each thing once.
///
/// It takes one pass, and memory for the kinds of records rather than for the records. Any text can
/// be folded; one that is no log is hardly smaller then.
///
/// ```
/// use maniple_context::logs::LogFold;
///
/// let log = "10:00:01 INFO took 7 ms\n".repeat(50) + "10:00:02 ERROR disk is full\n";
/// let fold = LogFold::new(&log);
/// assert_eq!((fold.records(), fold.kinds()), (51, 2));
///
/// let folded = fold.render(&|text| text.len(), 400).unwrap();
/// assert!(folded.ends_with("\n50× (lines 1–50) 10:00:01 INFO took 7 ms\n10:00:02 ERROR disk is full\n"));
/// ```
#[derive(Debug)]
pub struct LogFold<'t> {
    text: &'t str,
    shapes: Shapes,
    templates: Vec<Template>,
}

impl<'t> LogFold<'t> {
    /// Reads a log.
    pub fn new(text: &'t str) -> Self {
        let shapes = Shapes::of(text);
        let templates = templates(text, &shapes);
        Self { text, shapes, templates }
    }

    /// The records: lines with those that belong to them.
    pub fn records(&self) -> usize {
        self.shapes.records
    }

    /// The kinds of records that are told apart.
    pub fn kinds(&self) -> usize {
        self.templates.len()
    }

    /// The kinds that are a warning, an error or a stack trace.
    pub fn alarms(&self) -> usize {
        self.templates.iter().filter(|template| template.alarm == Severity::Alarm).count()
    }

    /// The lines of which nothing is known but their number.
    fn lines_untold(&self) -> usize {
        let told: usize = self.templates.iter().map(|template| template.lines).sum();
        self.shapes.lines - told
    }

    /// The folded log, in at most `room` tokens as `count` counts them.
    ///
    /// Where not everything fits, first the notes go, then kinds of records: those that are no
    /// alarm, frequent and long go first. There is none where the room takes no kind at all, or
    /// where nothing is folded: whoever wants a fold only where it is smaller gives one token less
    /// than the log has.
    pub fn render(&self, count: &dyn Fn(&str) -> usize, room: usize) -> Option<String> {
        let nothing_folds = self.templates.len() * 10 > self.shapes.records * 9;
        if nothing_folds { None } else { choose(self, count, room) }
    }
}

/// A log folded to at most `room` tokens, as [`LogFold::render`] does.
pub fn reduce_log(text: &str, count: &dyn Fn(&str) -> usize, room: usize) -> Option<String> {
    LogFold::new(text).render(count, room)
}

#[cfg(test)]
mod tests;
