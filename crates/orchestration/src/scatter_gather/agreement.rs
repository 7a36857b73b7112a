use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ANSWERED;

/// Whether two answers agree.
pub(super) type Agree<O> = dyn Fn(&O, &O) -> bool + Send + Sync;

/// An answer that enough responders have given; see [`ScatterGather::quorum`](super::ScatterGather::quorum).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "O: Deserialize<'de>, N: Ord + Deserialize<'de>"))]
pub struct Agreement<O, N> {
    /// The answer, in the words of the first of them by name.
    pub answer: O,
    /// Those that agree in it.
    pub by: BTreeSet<N>,
    /// What others had answered until it was settled.
    pub dissent: BTreeMap<N, O>,
}

/// Answers that agree with each other, in the order in which they first came up.
#[derive(Debug)]
pub(super) struct Groups<T> {
    /// One that speaks for each group, and how many there are in it.
    groups: Vec<(T, usize)>,
    largest: usize,
}

impl<T> Groups<T> {
    pub(super) fn new() -> Self {
        Self { groups: Vec::new(), largest: 0 }
    }

    /// Adds one to the group that it agrees with, or to a new one, and says which that is.
    pub(super) fn add(&mut self, of: T, mut agrees: impl FnMut(&T, &T) -> bool) -> usize {
        let known = self.groups.iter().position(|(speaker, _)| agrees(speaker, &of));
        let group = known.unwrap_or_else(|| {
            self.groups.push((of, 0));
            self.groups.len() - 1
        });
        self.groups[group].1 += 1;
        self.largest = self.largest.max(self.groups[group].1);
        group
    }

    /// How many there are in the largest group.
    pub(super) fn largest(&self) -> usize {
        self.largest
    }
}

/// The answer of the largest group, which is a function of who gave which answer and not of when; of
/// groups of one size the first by name. There is some answer.
pub(super) fn agreement<N: Ord, O>(answers: BTreeMap<N, O>, agree: &Agree<O>) -> Agreement<O, N> {
    let mut groups = Groups::new();
    let of: Vec<usize> =
        answers.values().map(|answer| groups.add(answer, |a, b| agree(a, b))).collect();
    let largest = groups.largest();
    let winner = groups.groups.iter().position(|(_, size)| *size == largest);
    let mut answer = None;
    let (mut by, mut dissent) = (BTreeSet::new(), BTreeMap::new());
    for ((name, given), group) in answers.into_iter().zip(of) {
        if Some(group) == winner {
            by.insert(name);
            answer.get_or_insert(given);
        } else {
            dissent.insert(name, given);
        }
    }
    Agreement { answer: answer.expect(ANSWERED), by, dissent }
}
