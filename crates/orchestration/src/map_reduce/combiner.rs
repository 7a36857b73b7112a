use std::fmt;
use std::marker::PhantomData;

/// How the outputs of a map become one value. A monoid: `combine` is associative and `identity` its
/// neutral element, so that an empty map has a result and the order of combining does not matter,
/// while the order of the values does.
pub trait Combiner: Send + Sync + 'static {
    /// What is combined.
    type Value: Send + 'static;

    /// The value of nothing.
    fn identity(&self) -> Self::Value;

    /// The value of two, `left` coming before `right`.
    fn combine(&self, left: Self::Value, right: Self::Value) -> Self::Value;
}

/// Makes a combiner of two functions.
pub fn combiner<T, I, C>(identity: I, combine: C) -> FnCombiner<T, I, C>
where
    T: Send + 'static,
    I: Fn() -> T + Send + Sync + 'static,
    C: Fn(T, T) -> T + Send + Sync + 'static,
{
    FnCombiner { identity, combine, value: PhantomData }
}

/// A combiner made of two functions by [`combiner`].
pub struct FnCombiner<T, I, C> {
    identity: I,
    combine: C,
    value: PhantomData<fn(T) -> T>,
}

impl<T, I, C> Combiner for FnCombiner<T, I, C>
where
    T: Send + 'static,
    I: Fn() -> T + Send + Sync + 'static,
    C: Fn(T, T) -> T + Send + Sync + 'static,
{
    type Value = T;

    fn identity(&self) -> T {
        (self.identity)()
    }

    fn combine(&self, left: T, right: T) -> T {
        (self.combine)(left, right)
    }
}

impl<T, I, C> fmt::Debug for FnCombiner<T, I, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnCombiner").field("value", &std::any::type_name::<T>()).finish()
    }
}

/// Collects lists into one, in order.
#[derive(Debug)]
pub struct Collect<T>(PhantomData<fn(T) -> T>);

impl<T> Default for Collect<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Send + 'static> Combiner for Collect<T> {
    type Value = Vec<T>;

    fn identity(&self) -> Vec<T> {
        Vec::new()
    }

    fn combine(&self, mut left: Vec<T>, right: Vec<T>) -> Vec<T> {
        left.extend(right);
        left
    }
}
