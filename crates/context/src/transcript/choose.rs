//! Which lines of a transcript fill a room best.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::index::Index;
use super::line::{Lines, Shape};
use super::worth::Worth;
use super::{Cost, Turn};

/// Which lines to keep, of those that are not `gone`, so that they cost at most `room`.
///
/// Greedily, of those of the highest priority first, the line is taken that gains most by token: its value and the weights of the names that
/// no line before has said. What must stay stays, even beyond the room: pinned turns and calls
/// without a result. With the first line of a call or its result comes the frame of the call. A
/// line costs less where the line above says its opening. Equal lines are taken by their order.
pub(crate) fn choose(
    turns: &[Turn<'_>],
    lines: &Lines,
    index: &Index,
    worth: &Worth,
    costs: &[Cost],
    gone: &[bool],
    room: u64,
) -> Vec<bool> {
    let everything: u64 = (0..gone.len())
        .filter(|&line| !gone[line])
        .map(|line| {
            let is_said = lines.continues(line) && !gone[line - 1];
            costs[line].beside(is_said)
        })
        .sum();
    if everything <= room {
        return gone.iter().map(|gone| !gone).collect();
    }
    let mut choice = Choice {
        lines,
        index,
        worth,
        costs,
        kept: vec![false; lines.all().len()],
        said: vec![false; worth.weights.len()],
        cost: 0,
    };
    // What the frame of each call costs, until it is taken.
    let mut due: Vec<Option<u64>> = vec![None; turns.len()];
    for (place, turn) in turns.iter().enumerate() {
        if !turn.may_shrink() {
            lines.of_turn(place).for_each(|line| choice.take(line));
        }
    }
    for (place, line) in lines.all().iter().enumerate() {
        if line.shape() == Shape::Frame && !choice.kept[place] {
            *due[line.turn()].get_or_insert(0) += u64::from(costs[place].body);
        }
    }
    for (place, turn) in turns.iter().enumerate() {
        if (turn.pinned || turn.settled)
            && let Some(call) = call_of(turns, place)
        {
            choice.take_frame(call, &mut due);
        }
    }
    let priority = |line: usize| turns[lines.all()[line].turn()].priority;
    let mut heap: BinaryHeap<_> = (0..gone.len())
        .filter(|&line| !gone[line] && !choice.kept[line])
        .map(|line| (priority(line), choice.gain(line), Reverse(line)))
        .collect();
    while let Some((tier, gain, Reverse(line))) = heap.pop() {
        if choice.kept[line] {
            continue;
        }
        let now = choice.gain(line);
        if now < gain {
            heap.push((tier, now, Reverse(line)));
            continue;
        }
        let of = lines.all()[line].turn();
        let call = call_of(turns, of);
        let frame = call.and_then(|call| due[call]).unwrap_or(0);
        let is_frame = lines.all()[line].shape() == Shape::Frame;
        let itself = if is_frame { 0 } else { choice.needs(line) };
        if choice.cost + frame + itself > room + choice.spares(line) {
            continue;
        }
        if let Some(call) = call {
            choice.take_frame(call, &mut due);
        }
        choice.take(line);
        for near in [line.wrapping_sub(1), line + 1] {
            if lines.of_turn(of).contains(&near) && !gone[near] && !choice.kept[near] {
                heap.push((tier, choice.gain(near), Reverse(near)));
            }
        }
    }
    choice.kept
}

/// The call that a turn is or answers.
fn call_of(turns: &[Turn<'_>], turn: usize) -> Option<usize> {
    if turns[turn].is_call() { Some(turn) } else { turns[turn].pair }
}

struct Choice<'a> {
    lines: &'a Lines,
    index: &'a Index,
    worth: &'a Worth,
    costs: &'a [Cost],
    kept: Vec<bool>,
    said: Vec<bool>,
    cost: u64,
}

impl Choice<'_> {
    fn take(&mut self, line: usize) {
        if self.kept[line] {
            return;
        }
        self.cost = self.cost + self.needs(line) - self.spares(line);
        self.kept[line] = true;
        for &name in self.index.of_line(line) {
            self.said[name as usize] = true;
        }
    }

    fn take_frame(&mut self, call: usize, due: &mut [Option<u64>]) {
        if due[call].take().is_some() {
            for line in self.lines.of_turn(call) {
                if self.lines.all()[line].shape() == Shape::Frame {
                    self.take(line);
                }
            }
        }
    }

    /// What a line costs below the one above it.
    fn needs(&self, line: usize) -> u64 {
        self.costs[line].beside(self.lines.continues(line) && self.kept[line - 1])
    }

    /// What the line below no longer costs: its opening, where this one says it.
    fn spares(&self, line: usize) -> u64 {
        let says = self.lines.continues(line + 1) && self.kept[line + 1];
        if says { u64::from(self.costs[line + 1].opening) } else { 0 }
    }

    /// What is gained by token, as far as it can be told before others are taken.
    fn gain(&self, line: usize) -> u64 {
        let unsaid = self.index.of_line(line).iter().filter(|&&name| !self.said[name as usize]);
        let names: u64 = unsaid.map(|&name| self.worth.weights[name as usize]).sum();
        let Cost { body, opening } = self.costs[line];
        // Of an opening a line and each of its neighbours bear half.
        let turn = self.lines.of_turn(self.lines.all()[line].turn());
        let above = line > turn.start && self.kept[line - 1];
        let below = line + 1 < turn.end && self.kept[line + 1];
        let halves = 2 - u64::from(above) - u64::from(below);
        let cost = 2 * u64::from(body) + halves * u64::from(opening);
        self.worth.values[line].saturating_add(names).saturating_mul(GAIN_UNIT) / cost.max(1)
    }
}

/// Keeps the gain by token apart in whole numbers.
const GAIN_UNIT: u64 = 1 << 11;
