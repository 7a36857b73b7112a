//! What the lines and names of a transcript are worth to its next step.

use std::collections::HashSet;

use super::index::Index;
use super::line::{Line, Lines, Shape};
use super::names::Class;
use super::{Cost, Origin, Turn};
use crate::logs::{Severity, judge};

/// What is gained by keeping lines: the values of the lines, and the weight of each name once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Worth {
    /// By line.
    pub(crate) values: Vec<u64>,
    /// By the number of the name in the [`Index`].
    pub(crate) weights: Vec<u64>,
}

/// What a name is worth by its kind, in the unit in which a token of a plain result is worth 1.
fn weight_of(class: Class) -> u64 {
    match class {
        Class::Word | Class::File => 0,
        Class::Number => 80,
        Class::Identifier => 320,
        Class::Path => 640,
    }
}

/// What a name is worth more if the agent itself has used it in a call.
const USED: u64 = 4_800;
/// What a token of a file is worth, where one of any other result is worth 1.
const OF_FILE: u64 = 4;
/// A file of no tokens would be worth 1 + this many times as much by token as an endless one.
const SMALL: u64 = 4;
/// At so many tokens half of that is left.
const SMALL_SIZE: u64 = 1_000;
/// The newest result is worth 1 + this many times as much as the oldest.
const RECENT: u64 = 2;
/// What a token of speech is worth, and of a result that the task names the source of.
const SPEECH: u64 = 30;
const NAMED_BY_TASK: u64 = 100;
/// At so many tokens half of the latter is left.
const NAMED_SIZE: u64 = 1_500;

impl Worth {
    /// Costs are by line.
    pub(crate) fn of(turns: &[Turn<'_>], lines: &Lines, index: &Index, costs: &[Cost]) -> Self {
        let sizes: Vec<u64> = (0..turns.len())
            .map(|turn| lines.of_turn(turn).map(|line| u64::from(costs[line].body)).sum())
            .collect();
        let names = Names::of(turns, lines, index);
        let files = find_files(turns, lines);
        let focus = focus(turns, lines, index, costs);
        let of_task = named_by_task(turns, lines, index, &names);
        let mut values = vec![0; lines.all().len()];
        for (place, turn) in turns.iter().enumerate() {
            let size = sizes[place];
            let alarms = if files[place] { HashSet::new() } else { alarms(turn, lines, place) };
            for line in lines.of_turn(place) {
                let cost = u64::from(costs[line].body);
                values[line] = match turn.origin {
                    Origin::User | Origin::Assistant => cost * SPEECH,
                    Origin::Call { .. } => 0,
                    Origin::Result | Origin::Document => {
                        let mut value = cost;
                        if alarms.contains(&line) {
                            value += cost * ALARM;
                        }
                        if files[place] {
                            value *= OF_FILE;
                            value += value * SMALL * SMALL_SIZE / (SMALL_SIZE + size);
                        }
                        value += value * focus[line] / AS_MUCH_AGAIN;
                        value += value * RECENT * square_of_age(place, turns.len()) / 1_000;
                        let more = cost * NAMED_BY_TASK * NAMED_SIZE / (NAMED_SIZE + size);
                        value + if of_task[place] { more } else { 0 }
                    }
                };
            }
        }
        Self { values, weights: names.weights(index, turns.len()) }
    }
}

/// What a token of an alarm among other lines is worth more.
const ALARM: u64 = 200;
/// Where more than one of so many lines is an alarm, it is what the text speaks of.
const RARE_ALARM: usize = 8;

/// The lines of a result that speak of a failure, where most do not.
fn alarms(turn: &Turn<'_>, lines: &Lines, place: usize) -> HashSet<usize> {
    let range = lines.of_turn(place);
    if !turn.is_material() || range.len() < RARE_ALARM {
        return HashSet::new();
    }
    let is_alarm = |line: &usize| judge(&turn.text[lines.all()[*line].span()]) == Severity::Alarm;
    let alarms: HashSet<usize> = range.clone().filter(is_alarm).collect();
    if alarms.len() * RARE_ALARM <= range.len() { alarms } else { HashSet::new() }
}

/// The square of how late a turn is, in thousandths.
fn square_of_age(turn: usize, turns: usize) -> u64 {
    let late = (turn as u64) * 1_000 / (turns as u64).max(1);
    late * late / 1_000
}

/// By turn, whether it shows text of a file: most of its lines are numbered, or the first is, where
/// those below have lost their numbers to it. Where no turn is so, files are shown plain, and a turn
/// is taken for one if its lines are indented, as those of code and other text with structure are.
fn find_files(turns: &[Turn<'_>], lines: &Lines) -> Vec<bool> {
    let mostly = |is_so: &dyn Fn(&Line) -> bool| -> Vec<bool> {
        let most = |turn: usize| {
            let of_turn = &lines.all()[lines.of_turn(turn)];
            let count = of_turn.iter().filter(|line| is_so(line)).count();
            2 * count > of_turn.len() || of_turn.first().is_some_and(is_so)
        };
        (0..turns.len()).map(most).collect()
    };
    let numbered = mostly(&Line::is_numbered);
    if numbered.contains(&true) {
        return numbered;
    }
    mostly(&|line| turns[line.turn()].text[line.span()].starts_with([' ', '\t']))
}

/// Where the names stand.
struct Names {
    in_task: Vec<bool>,
    used: Vec<bool>,
    last_turn: Vec<usize>,
}

impl Names {
    fn of(turns: &[Turn<'_>], lines: &Lines, index: &Index) -> Self {
        let count = index.classes().len();
        let mut names = Self {
            in_task: vec![false; count],
            used: vec![false; count],
            last_turn: vec![0; count],
        };
        for (place, line) in lines.all().iter().enumerate() {
            let turn = &turns[line.turn()];
            for &name in index.of_line(place) {
                let name = name as usize;
                names.in_task[name] |= turn.is_task();
                names.used[name] |= turn.is_call();
                names.last_turn[name] = line.turn();
            }
        }
        names
    }

    fn weights(&self, index: &Index, turns: usize) -> Vec<u64> {
        let weight = |(name, &class): (usize, &Class)| {
            let plain = weight_of(class);
            if plain == 0 {
                return 0;
            }
            let weight = plain + if self.used[name] { USED } else { 0 };
            weight + weight * self.last_turn[name] as u64 / (2 * turns as u64).max(1)
        };
        index.classes().iter().enumerate().map(weight).collect()
    }
}

/// The results of calls that say a path or file that the task says too.
fn named_by_task(turns: &[Turn<'_>], lines: &Lines, index: &Index, names: &Names) -> Vec<bool> {
    let mut of_task = vec![false; turns.len()];
    for (place, line) in lines.all().iter().enumerate() {
        if line.shape() == Shape::Frame
            && let Some(result) = turns[line.turn()].pair
            && index.of_line(place).iter().any(|&name| {
                let name = name as usize;
                matches!(index.classes()[name], Class::Path | Class::File) && names.in_task[name]
            })
        {
            of_task[result] = true;
        }
    }
    of_task
}

/// Words in more than one of 2 to the power of this many lines say nothing of what is looked for.
const COMMON: u32 = 2;
/// The focus of a line by the words that it says itself, at most.
const MOST_OF_A_LINE: u64 = 64;
/// How many lines away the focus falls to about a third.
const REACH: u64 = 12;
/// A line with this focus is worth twice as much as one without; it can have about 30 times this.
const AS_MUCH_AGAIN: u64 = 48;
/// Arguments longer than this many tokens are work, not a question.
const LONGEST_QUESTION: u32 = 100;

/// How much each line of a result has to do with what the task and the agent speak of: the rarer
/// the words that they share, the more, and more of it from the lines around than from its own.
fn focus(turns: &[Turn<'_>], lines: &Lines, index: &Index, costs: &[Cost]) -> Vec<u64> {
    let count = index.classes().len();
    let mut asked = vec![0_u64; count];
    let mut lines_with = vec![0_u64; count];
    let mut material = 0_u64;
    for (place, line) in lines.all().iter().enumerate() {
        let turn = &turns[line.turn()];
        let is_question =
            line.shape() == Shape::Frame && costs[place].body < LONGEST_QUESTION || !turn.is_call();
        let weight = match turn.origin {
            _ if turn.is_task() => 1,
            Origin::Assistant | Origin::Call { .. } if is_question => 2,
            _ => 0,
        };
        material += u64::from(turn.is_material());
        for &name in index.of_line(place) {
            let name = name as usize;
            asked[name] = asked[name].max(weight);
            lines_with[name] += u64::from(turn.is_material());
        }
    }
    let rarity = |name: usize| {
        let share = material.checked_div(lines_with[name]).unwrap_or(0).max(1);
        let rare = u64::from(share.ilog2().saturating_sub(COMMON));
        let kind = if index.classes()[name] == Class::Word { 1 } else { 2 };
        rare * rare * asked[name] * kind
    };
    let rarities: Vec<u64> = (0..count).map(rarity).collect();
    let mut focus = vec![0; lines.all().len()];
    for turn in (0..turns.len()).filter(|&turn| turns[turn].is_material()) {
        let own = |line: usize| {
            let names = index.of_line(line).iter();
            names.map(|&name| rarities[name as usize]).sum::<u64>().min(MOST_OF_A_LINE)
        };
        let mut near = 0;
        for line in lines.of_turn(turn) {
            near = near * (REACH - 1) / REACH + own(line);
            focus[line] += near;
        }
        near = 0;
        for line in lines.of_turn(turn).rev() {
            focus[line] += near;
            near = (near + own(line)) * (REACH - 1) / REACH;
        }
    }
    focus
}
