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
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::FailFast {}
    impl Sealed for super::Tolerant {}
}
