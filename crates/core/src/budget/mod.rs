//! What a run may use, and the leases that share it out.

mod lease;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use lease::{Lease, Reservation};

/// An amount of each thing that a run can use up.
///
/// ```
/// use maniple_core::Budget;
///
/// let limit = Budget::UNLIMITED.with_tokens(10_000).with_calls(20);
/// let used = Budget::tokens(1_200).with_calls(1);
/// assert!(used.fits_in(&limit));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Budget {
    /// Tokens, input and output together.
    pub tokens: u64,
    /// Cost, in millionths of the currency that the host accounts in.
    pub cost_micros: u64,
    /// Calls of a model, tool or service.
    pub calls: u64,
}

impl Budget {
    /// Nothing.
    pub const ZERO: Self = Self { tokens: 0, cost_micros: 0, calls: 0 };
    /// No limit.
    pub const UNLIMITED: Self = Self { tokens: u64::MAX, cost_micros: u64::MAX, calls: u64::MAX };

    /// That many tokens, and nothing else: what a step uses. As a limit it permits no cost and no
    /// calls; `Budget::UNLIMITED.with_tokens(…)` limits the tokens alone.
    pub const fn tokens(tokens: u64) -> Self {
        Self { tokens, ..Self::ZERO }
    }

    /// The same with that many tokens.
    pub const fn with_tokens(self, tokens: u64) -> Self {
        Self { tokens, ..self }
    }

    /// The same with that cost, in millionths of the host's currency.
    pub const fn with_cost_micros(self, cost_micros: u64) -> Self {
        Self { cost_micros, ..self }
    }

    /// The same with that many calls.
    pub const fn with_calls(self, calls: u64) -> Self {
        Self { calls, ..self }
    }

    /// Whether every amount is zero.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// Whether every amount of `self` is at most that of `other`.
    pub fn fits_in(&self, other: &Self) -> bool {
        self.tokens <= other.tokens
            && self.cost_micros <= other.cost_micros
            && self.calls <= other.calls
    }

    /// The sum; an unlimited amount stays unlimited.
    pub fn plus(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }

    /// The difference, at least zero; an unlimited amount stays unlimited.
    pub fn minus(self, other: Self) -> Self {
        self.zip(other, |a, b| if a == u64::MAX { a } else { a.saturating_sub(b) })
    }

    /// The smaller of each amount.
    pub fn min(self, other: Self) -> Self {
        self.zip(other, u64::min)
    }

    /// The larger of each amount.
    pub fn max(self, other: Self) -> Self {
        self.zip(other, u64::max)
    }

    /// The limited amounts; an unlimited one, of which no sum can be kept, counts as nothing.
    fn finite(self) -> Self {
        self.zip(Self::ZERO, |a, _| if a == u64::MAX { 0 } else { a })
    }

    fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            tokens: f(self.tokens, other.tokens),
            cost_micros: f(self.cost_micros, other.cost_micros),
            calls: f(self.calls, other.calls),
        }
    }

    fn any(self, other: Self, f: impl Fn(u64, u64) -> bool) -> bool {
        f(self.tokens, other.tokens)
            || f(self.cost_micros, other.cost_micros)
            || f(self.calls, other.calls)
    }
}

impl Default for Budget {
    /// [`Budget::ZERO`].
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Display for Budget {
    /// The limited amounts that are not zero: `4000 tokens, 2 calls`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::UNLIMITED {
            return f.write_str("unlimited");
        }
        let mut first = true;
        for (amount, unit) in
            [(self.tokens, "tokens"), (self.cost_micros, "micros"), (self.calls, "calls")]
        {
            if amount != 0 && amount != u64::MAX {
                write!(f, "{}{amount} {unit}", if first { "" } else { ", " })?;
                first = false;
            }
        }
        if first { f.write_str("nothing") } else { Ok(()) }
    }
}

/// A lease that cannot cover what was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("asked for {asked}, {remaining} of {limit} remains")]
pub struct Exhausted {
    /// What was asked.
    pub asked: Budget,
    /// What remained.
    pub remaining: Budget,
    /// What the lease began with.
    pub limit: Budget,
}
