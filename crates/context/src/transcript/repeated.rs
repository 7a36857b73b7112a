//! What loses nothing by going, because it is said again.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::index::Index;
use super::line::{Lines, Shape};
use super::{Cost, Origin, Turn};
use crate::hash::{HashedMap, hash};

/// Why a line can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// A terminal shows the line at this place, which is not blank, over it.
    Overwritten { by: usize },
    /// Its call was made again with arguments that say all of it, and with the same result; it
    /// goes with its call and result, whole.
    Outdated { by_turn: usize },
    /// The line at this place, which stays, says the same.
    Said { by: usize },
}

/// Runs of repeated lines that say less than this many characters stay: brackets and the like.
const LEAST_SAID: usize = 8;

/// For each line whether, and why, it can go; `costs` are by line.
///
/// Of equal lines the last stays, so that a file is told by its latest reading; a line of a result
/// rather than one of the arguments of a call, which may hold what has been replaced since. What
/// speakers say stays. A run of lines only goes where it costs more than the line number that the
/// line behind it then needs.
///
/// Equality is of the lines themselves, not of their hashes. Takes time linear in the text.
pub(crate) fn repeated(
    turns: &[Turn<'_>],
    lines: &Lines,
    index: &Index,
    costs: &[Cost],
) -> Vec<Option<Gone>> {
    let mut gone = vec![None; lines.all().len()];
    find_outdated(turns, lines, index, &mut gone);
    find_overwritten(turns, lines, &mut gone);
    let mut said = Said { turns, lines, costs, kept: HashedMap::default() };
    for turn in (0..turns.len()).filter(|&turn| turns[turn].pinned) {
        said.keep_turn(turn);
    }
    for are_calls in [false, true] {
        for turn in (0..turns.len()).rev() {
            if turns[turn].is_call() == are_calls && !turns[turn].pinned {
                said.find_in(turn, &mut gone);
            }
        }
    }
    gone
}

/// A call is outdated by the next of the same tool if both have the same result, and every word of
/// its arguments is in those of the next: a list of tasks with new marks, the same look again.
fn find_outdated(turns: &[Turn<'_>], lines: &Lines, index: &Index, gone: &mut [Option<Gone>]) {
    let mut next_of: HashMap<&str, (usize, usize)> = HashMap::new();
    for (turn, call) in turns.iter().enumerate().rev() {
        let (Origin::Call { name }, Some(result)) = (call.origin, call.pair) else {
            continue;
        };
        let text = turns[result].text;
        if let Some((next, next_result)) = next_of.insert(name, (turn, result))
            && !call.pinned
            && !turns[result].pinned
            && !text.is_empty()
            && text == turns[next_result].text
        {
            let names = |turn| lines.of_turn(turn).flat_map(|line| index.of_line(line));
            let said: HashSet<_> = names(next).collect();
            if names(turn).all(|name| said.contains(name)) {
                for line in lines.of_turn(turn).chain(lines.of_turn(result)) {
                    gone[line] = Some(Gone::Outdated { by_turn: next });
                }
            }
        }
    }
}

fn find_overwritten(turns: &[Turn<'_>], lines: &Lines, gone: &mut [Option<Gone>]) {
    for (place, pair) in lines.all().windows(2).enumerate() {
        let [line, next] = pair else { continue };
        let turn = &turns[line.turn()];
        if line.shape() == Shape::Overwritten
            && gone[place].is_none()
            && turn.may_lose(line)
            && !turn.text[next.span()].trim().is_empty()
        {
            gone[place] = Some(Gone::Overwritten { by: place + 1 });
        }
    }
}

/// The lines that stay, by what they say.
struct Said<'a> {
    turns: &'a [Turn<'a>],
    lines: &'a Lines,
    costs: &'a [Cost],
    kept: HashedMap<usize>,
}

impl<'a> Said<'a> {
    fn keep_turn(&mut self, turn: usize) {
        for place in self.lines.of_turn(turn) {
            self.twin_or_keep(place, false);
        }
    }

    fn find_in(&mut self, turn: usize, gone: &mut [Option<Gone>]) {
        let range = self.lines.of_turn(turn);
        let mut run = Vec::new();
        let mut behind = None;
        for place in range.rev() {
            if gone[place].is_none() {
                let line = &self.lines.all()[place];
                let may_lose = self.turns[turn].may_lose(line);
                if let Some(twin) = self.twin_or_keep(place, may_lose) {
                    run.push((place, twin));
                    continue;
                }
            }
            self.settle(&mut run, behind, gone);
            behind = gone[place].is_none().then_some(place);
        }
        self.settle(&mut run, behind, gone);
    }

    /// A line that stays and says the same, where `may_lose`; else this line stays.
    fn twin_or_keep(&mut self, place: usize, may_lose: bool) -> Option<usize> {
        if self.lines.all()[place].shape() == Shape::Frame {
            return None;
        }
        let content = self.content(place);
        let twin = self.kept.entry(hash(content.as_bytes())).or_insert(place);
        let twin = (may_lose && *twin != place).then_some(*twin)?;
        (self.content(twin) == content).then_some(twin)
    }

    /// Lets a run of repeated lines go, from its last to its first, if that spares anything.
    fn settle(
        &self,
        run: &mut Vec<(usize, usize)>,
        behind: Option<usize>,
        gone: &mut [Option<Gone>],
    ) {
        let spared: u64 = run.iter().map(|&(place, _)| u64::from(self.costs[place].body)).sum();
        let opening = behind.map_or(0, |behind| self.costs[behind].opening);
        let says = run.iter().any(|&(place, _)| {
            let content = self.content(place);
            content.chars().filter(|c| !c.is_whitespace()).nth(LEAST_SAID - 1).is_some()
        });
        for (place, twin) in run.drain(..) {
            if says && spared > u64::from(opening) {
                gone[place] = Some(Gone::Said { by: twin });
            }
        }
    }

    fn content(&self, place: usize) -> Cow<'a, str> {
        let line = &self.lines.all()[place];
        line.content(self.turns[line.turn()].text)
    }
}
