use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use maniple_core::{AgentError, RunContext};

use super::Combiner;
use crate::fan_out::{Sink, lock};

/// How outputs become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// In the order of the inputs, one after the other.
    Inputs,
    /// As they arrive.
    Arrival,
    /// Neighbours with neighbours, by the workers.
    Tree,
}

impl Order {
    /// Its name in the shape that is journaled.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Inputs => "in-order",
            Self::Arrival => "unordered",
            Self::Tree => "tree",
        }
    }
}

/// Combines outputs in the order of their inputs, as soon as that order allows.
pub(super) struct InOrder<'a, C: Combiner> {
    combiner: &'a C,
    value: Option<C::Value>,
    next: usize,
    /// What is ahead of its turn; nothing, where there is no output of an input.
    early: BTreeMap<usize, Option<C::Item>>,
}

impl<'a, C: Combiner> InOrder<'a, C> {
    pub(super) fn new(combiner: &'a C) -> Self {
        Self { combiner, value: None, next: 0, early: BTreeMap::new() }
    }

    fn take(&mut self, output: Option<C::Item>) {
        if let Some(output) = output {
            self.value = Some(match self.value.take() {
                Some(before) => self.combiner.add(before, output),
                None => self.combiner.lift(output),
            });
        }
    }

    pub(super) fn finish(mut self) -> C::Value {
        // Where the outcome was settled early, some were never begun.
        for output in std::mem::take(&mut self.early).into_values() {
            self.take(output);
        }
        self.value.unwrap_or_else(|| self.combiner.identity())
    }
}

impl<C: Combiner> Sink<C::Item> for InOrder<'_, C> {
    fn put(&mut self, index: usize, output: Option<C::Item>) {
        if index != self.next {
            self.early.insert(index, output);
            return;
        }
        self.take(output);
        self.next += 1;
        while let Some(output) = self.early.remove(&self.next) {
            self.take(output);
            self.next += 1;
        }
    }

    fn taken(&self) -> usize {
        self.next
    }

    fn failure(&self, _: &RunContext) -> Option<AgentError> {
        None
    }
}

/// Combines outputs as they arrive.
pub(super) struct ByArrival<'a, C: Combiner> {
    combiner: &'a C,
    value: Option<C::Value>,
    taken: usize,
}

impl<'a, C: Combiner> ByArrival<'a, C> {
    pub(super) fn new(combiner: &'a C) -> Self {
        Self { combiner, value: None, taken: 0 }
    }

    pub(super) fn finish(self) -> C::Value {
        self.value.unwrap_or_else(|| self.combiner.identity())
    }
}

impl<C: Combiner> Sink<C::Item> for ByArrival<'_, C> {
    fn put(&mut self, _: usize, output: Option<C::Item>) {
        self.taken += 1;
        if let Some(output) = output {
            self.value = Some(match self.value.take() {
                Some(before) => self.combiner.add(before, output),
                None => self.combiner.lift(output),
            });
        }
    }

    fn taken(&self) -> usize {
        self.taken
    }

    fn failure(&self, _: &RunContext) -> Option<AgentError> {
        None
    }
}

/// Combines neighbours as soon as there are two, wherever they stand: whoever brings the second does
/// it, so that combining runs in parallel.
pub(super) struct Tree<C: Combiner> {
    combiner: Arc<C>,
    runs: Mutex<BTreeMap<usize, Run<C::Value>>>,
    /// Whether a panic has lost the values that were being combined.
    lost: AtomicBool,
}

/// The value of neighbouring inputs, up to `end`; nothing, where none of them has an output.
struct Run<V> {
    end: usize,
    value: Option<V>,
}

impl<C: Combiner> Tree<C> {
    pub(super) fn new(combiner: Arc<C>) -> Self {
        Self { combiner, runs: Mutex::new(BTreeMap::new()), lost: AtomicBool::new(false) }
    }

    pub(super) fn put(&self, index: usize, output: Option<C::Item>) {
        let value = output.map(|output| self.noting(|combiner| combiner.lift(output)));
        let (mut start, mut run) = (index, Run { end: index + 1, value });
        loop {
            let (left, right) = {
                let mut runs = lock(&self.runs);
                let before = runs.range(..start).next_back();
                let before = before.filter(|(_, before)| before.end == start).map(|(at, _)| *at);
                let left = before.and_then(|at| runs.remove_entry(&at));
                let right = runs.remove(&run.end);
                if left.is_none() && right.is_none() {
                    runs.insert(start, run);
                    return;
                }
                (left, right)
            };
            // Not under the lock: combining may take long.
            if let Some((at, left)) = left {
                run = Run { end: run.end, value: self.both(left.value, run.value) };
                start = at;
            }
            if let Some(right) = right {
                run = Run { end: right.end, value: self.both(run.value, right.value) };
            }
        }
    }

    fn both(&self, left: Option<C::Value>, right: Option<C::Value>) -> Option<C::Value> {
        let (left, right) = match (left, right) {
            (Some(left), Some(right)) => (left, right),
            (left, right) => return left.or(right),
        };
        Some(self.noting(|combiner| combiner.combine(left, right)))
    }

    /// Notes that outputs are lost where the combiner panics.
    fn noting<T>(&self, combine: impl FnOnce(&C) -> T) -> T {
        let combining = Combining(&self.lost);
        let value = combine(&self.combiner);
        std::mem::forget(combining);
        value
    }

    /// The value of all that was put in.
    pub(super) fn finish(&self) -> C::Value {
        let runs = std::mem::take(&mut *lock(&self.runs));
        let values = runs.into_values().filter_map(|run| run.value);
        values
            .reduce(|left, right| self.combiner.combine(left, right))
            .unwrap_or_else(|| self.combiner.identity())
    }
}

/// Dropped only by a panic.
struct Combining<'a>(&'a AtomicBool);

impl Drop for Combining<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Learns which inputs have no output; the outputs themselves do not pass here.
pub(super) struct Gaps<'a, C: Combiner> {
    tree: &'a Tree<C>,
    taken: usize,
}

impl<'a, C: Combiner> Gaps<'a, C> {
    pub(super) fn new(tree: &'a Tree<C>) -> Self {
        Self { tree, taken: 0 }
    }
}

impl<C: Combiner> Sink<()> for Gaps<'_, C> {
    fn put(&mut self, index: usize, output: Option<()>) {
        self.taken += 1;
        if output.is_none() {
            self.tree.put(index, None);
        }
    }

    fn taken(&self) -> usize {
        self.taken
    }

    fn failure(&self, cx: &RunContext) -> Option<AgentError> {
        let message = "the combiner panicked, and with it the outputs that it was given are lost";
        let is_lost = self.tree.lost.load(Ordering::Acquire);
        is_lost.then(|| AgentError::Panicked { key: cx.path(), message: message.into() })
    }
}
