use std::fmt;

use maniple_core::Budget;
use serde::{Deserialize, Serialize};

use super::{Price, Sent};

/// What reducing has saved over a session, or over many, in tokens and in money.
///
/// It compares requests as they were sent with those that would have been sent without reducing. Two
/// things are assumed of a cache and a model, and said in the text: that the provider's cache holds
/// from one turn to the next, on both sides, and that the unreduced context could have been sent at
/// all. Answers are not counted: they cost the same on both sides.
///
/// Savings of several agents or models add up with [`merge`](Self::merge), in any order. All sums
/// stay at `u64::MAX` where they would exceed it.
///
/// ```
/// use maniple_context::{Price, Savings, Sent};
///
/// let price = Price::new(3_000_000, 15_000_000).with_cache(300_000, 3_750_000);
/// let mut savings = Savings::new();
/// savings.turn(&price, Sent::new(50_000), Sent::new(50_000));
/// // Without reducing, the context would only have grown. With it the cache begins anew.
/// savings.turn(&price, Sent::new(60_000).with_cached(50_000), Sent::new(20_000));
/// // That is no bargain in this turn, but each that follows sends 40,000 tokens less.
/// assert_eq!(savings.saved_micros(), 52_500 - 75_000);
/// assert_eq!(savings.saved_tokens(), 40_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Savings {
    /// What all turns would have used without reducing, a call each.
    pub without: Budget,
    /// What they have used, a call each.
    pub with: Budget,
    /// What reducing itself has used, by models that summarize or answer for a part.
    pub reducing: Budget,
}

impl Savings {
    /// Of no turn at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a turn: what it would have sent without reducing, and what it has sent.
    pub fn turn(&mut self, price: &Price, without: Sent, with: Sent) {
        self.without = self.without.plus(price.call(without, 0));
        self.with = self.with.plus(price.call(with, 0));
    }

    /// Adds what reducing itself has used, by [`Price::call`] or as a step has told it. It is taken
    /// off what is saved.
    pub fn spend(&mut self, used: Budget) {
        self.reducing = self.reducing.plus(used);
    }

    /// Adds the savings of another agent, model or session.
    pub fn merge(&mut self, other: &Self) {
        self.without = self.without.plus(other.without);
        self.with = self.with.plus(other.with);
        self.reducing = self.reducing.plus(other.reducing);
    }

    /// The turns that were compared.
    pub fn turns(&self) -> u64 {
        self.with.calls
    }

    /// By how many tokens reducing has used less; below zero where it has used more.
    pub fn saved_tokens(&self) -> i128 {
        self.saved(|used| used.tokens)
    }

    /// By how many millionths of the host's currency reducing was cheaper; below zero where it was
    /// dearer.
    pub fn saved_micros(&self) -> i128 {
        self.saved(|used| used.cost_micros)
    }

    fn saved(&self, amount: impl Fn(&Budget) -> u64) -> i128 {
        let [without, with, reducing] =
            [&self.without, &self.with, &self.reducing].map(|used| i128::from(amount(used)));
        without - with - reducing
    }
}

impl fmt::Display for Savings {
    /// One line, with what is assumed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { without, with, reducing } = self;
        let turns = self.turns();
        let plural = if turns == 1 { "" } else { "s" };
        write!(
            f,
            "{turns} turn{plural} sent {} tokens instead of {}",
            with.tokens, without.tokens
        )?;
        write!(f, " for {} instead of {}", Money(with.cost_micros), Money(without.cost_micros))?;
        if !reducing.is_zero() {
            write!(f, ", and reducing used {}", reducing.tokens)?;
            write!(f, " for {}", Money(reducing.cost_micros))?;
        }
        let (tokens, micros) = (self.saved_tokens(), self.saved_micros());
        write!(f, ": {} tokens {}", tokens.unsigned_abs(), fewer(tokens, "fewer"))?;
        write!(f, " and {} {}", Money(micros.unsigned_abs()), fewer(micros, "less"))?;
        write!(
            f,
            ", if the provider's cache holds between turns and the unreduced context could be sent"
        )
    }
}

fn fewer(saved: i128, word: &'static str) -> &'static str {
    if saved < 0 { "more" } else { word }
}

/// Millionths as a decimal number, exact.
struct Money<N>(N);

impl<N: Copy + Into<u128>> fmt::Display for Money<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.into();
        let (whole, part) = (micros / 1_000_000, micros % 1_000_000);
        let digits = format!("{part:06}");
        match digits.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            digits => write!(f, "{whole}.{digits}"),
        }
    }
}
