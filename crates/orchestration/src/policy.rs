use std::time::Duration;

use crate::partial::Partial;

/// What a pattern makes of failed children: [`FailFast`] or [`Tolerant`].
pub trait Policy: sealed::Sealed + Send + Sync + 'static {
    /// What a pattern with this policy returns, where `T` is made of all children and `S` of those
    /// that there are.
    type Output<T: Send + 'static, S: Send + 'static, K: Send + 'static>: Send + 'static;

    #[doc(hidden)]
    fn output<O, T, S, K>(
        partial: Partial<O, K>,
        all: fn(O) -> T,
        some: fn(O) -> S,
    ) -> Self::Output<T, S, K>
    where
        T: Send + 'static,
        S: Send + 'static,
        K: Send + 'static;
}

/// The first failure stops the other children and is the pattern's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailFast {}

/// Failures of children are a part of the outcome, as a [`Partial`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerant {}

impl Policy for FailFast {
    type Output<T: Send + 'static, S: Send + 'static, K: Send + 'static> = T;

    fn output<O, T, S, K>(partial: Partial<O, K>, all: fn(O) -> T, _: fn(O) -> S) -> T
    where
        T: Send + 'static,
        S: Send + 'static,
        K: Send + 'static,
    {
        all(partial.ok)
    }
}

impl Policy for Tolerant {
    type Output<T: Send + 'static, S: Send + 'static, K: Send + 'static> = Partial<S, K>;

    fn output<O, T, S, K>(partial: Partial<O, K>, _: fn(O) -> T, some: fn(O) -> S) -> Partial<S, K>
    where
        T: Send + 'static,
        S: Send + 'static,
        K: Send + 'static,
    {
        partial.map(some)
    }
}

/// How much failure is tolerated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerance {
    FailFast,
    CollectAll,
    Quorum(usize),
    BestEffort(usize),
    /// So many outputs that agree.
    Agreement(usize),
    /// The best of all that succeed.
    Best,
    /// Those that succeed in time, if they are so many.
    Within {
        least: usize,
        after: Duration,
    },
}

impl Tolerance {
    /// How many have to succeed, or to agree.
    pub(crate) fn needed(self) -> usize {
        match self {
            Self::FailFast | Self::CollectAll => 0,
            Self::Best => 1,
            Self::Quorum(needed)
            | Self::BestEffort(needed)
            | Self::Agreement(needed)
            | Self::Within { least: needed, .. } => needed,
        }
    }

    /// Whether arrival decides who counts, so that only the journal can say it.
    pub(crate) fn is_by_arrival(self) -> bool {
        matches!(self, Self::Quorum(_) | Self::Agreement(_) | Self::Within { .. })
    }

    /// Its name in the shape that is journaled.
    pub(crate) fn shape(self) -> String {
        match self {
            // The deadline is journaled by itself, and a change of it is for later runs.
            Self::Within { least, .. } => format!("Within({least})"),
            _ => format!("{self:?}"),
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::FailFast {}
    impl Sealed for super::Tolerant {}
}
