use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// What can go wrong with a call of an agent, from the mildest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It fails transiently, and the agent was not called.
    Transient,
    /// It fails for good, and the agent was not called. Called again at the same place, it fails the
    /// same, as a service does that says no; one that was let through there before is not refused.
    Permanent,
    /// It is not known what happened: nothing did.
    Indeterminate,
    /// It is not known what happened: the agent did all its work, and the answer was lost.
    LostAnswer,
    /// It uses up what is left of a limited budget, in a step of its own, and then calls the agent.
    BurnBudget,
    /// It panics, and the agent was not called.
    Panic,
    /// It does nothing until it is cancelled.
    Hang,
    /// It tells that it is alive, every second, and gets no further until it is cancelled.
    Beat,
    /// It does nothing and goes on with that when it is cancelled, until it is aborted.
    IgnoreCancel,
}

impl Fault {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Transient,
        Self::Permanent,
        Self::Indeterminate,
        Self::LostAnswer,
        Self::BurnBudget,
        Self::Panic,
        Self::Hang,
        Self::Beat,
        Self::IgnoreCancel,
    ];

    /// Those after which the call ends by itself: the others wait to be cancelled.
    pub const ENDING: [Self; 6] = [
        Self::Transient,
        Self::Permanent,
        Self::Indeterminate,
        Self::LostAnswer,
        Self::BurnBudget,
        Self::Panic,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transient => "a transient failure",
            Self::Permanent => "a permanent failure",
            Self::Indeterminate => "an indeterminate failure",
            Self::LostAnswer => "a lost answer",
            Self::BurnBudget => "a burnt budget",
            Self::Panic => "a panic",
            Self::Hang => "a call that hangs",
            Self::Beat => "a call that beats without progress",
            Self::IgnoreCancel => "a call that ignores its cancellation",
        })
    }
}

/// Which call, counted from 0, meets with which fault. It is printed as the Rust expression that makes
/// it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultSchedule {
    faults: BTreeMap<u64, Fault>,
}

impl FaultSchedule {
    /// No fault at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// These calls meet with these faults.
    pub fn at(faults: impl IntoIterator<Item = (u64, Fault)>) -> Self {
        Self { faults: faults.into_iter().collect() }
    }

    /// Of the first `calls` calls about each third meets with one of these faults. Which call and which
    /// fault depends on nothing but the seed, the number of the call, and the list of faults.
    pub fn seeded(seed: u64, calls: u64, of: &[Fault]) -> Self {
        let fault = |call: u64| Some((call, Self::fault_of(seed, call, of)?));
        Self { faults: (0..calls).filter_map(fault).collect() }
    }

    /// The fault of one call under one seed.
    fn fault_of(seed: u64, call: u64, of: &[Fault]) -> Option<Fault> {
        let mut random = Random::new(seed);
        let mut random = Random::new(random.number() ^ call);
        if random.below(3) != 0 {
            return None;
        }
        of.get(random.index(of.len())).copied()
    }

    /// The fault that this call meets with.
    pub fn fault(&self, call: u64) -> Option<Fault> {
        self.faults.get(&call).copied()
    }

    /// All faults, in the order of their calls.
    pub fn faults(&self) -> &BTreeMap<u64, Fault> {
        &self.faults
    }
}

impl fmt::Display for FaultSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultSchedule::at([")?;
        for (i, (call, fault)) in self.faults.iter().enumerate() {
            write!(f, "{}({call}, Fault::{fault:?})", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("])")
    }
}
