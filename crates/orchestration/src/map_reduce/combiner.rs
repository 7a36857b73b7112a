use std::fmt;
use std::marker::PhantomData;

/// How the outputs of a map become one value.
///
/// `identity` is neutral: combined with a value from either side it changes nothing. Outputs are
/// combined in the order of their inputs, one after the other; a combiner that is [`Associative`] or
/// [`Commutative`] allows more. `testkit::check_combiner`, of this crate's feature `testkit`, looks for
/// values that break a law.
pub trait Combiner: Send + Sync + 'static {
    /// One output.
    type Item: Send + 'static;
    /// What the outputs become.
    type Value: Send + 'static;

    /// The value of no output.
    fn identity(&self) -> Self::Value;

    /// The value of one output.
    fn lift(&self, item: Self::Item) -> Self::Value;

    /// The value of two, `left` coming before `right`.
    fn combine(&self, left: Self::Value, right: Self::Value) -> Self::Value;

    /// The value with one more output behind it. It is `combine(value, lift(item))`, made faster
    /// where that is possible.
    fn add(&self, value: Self::Value, item: Self::Item) -> Self::Value {
        self.combine(value, self.lift(item))
    }
}

/// A combiner for which brackets do not matter: `(a b) c` is `a (b c)`.
#[diagnostic::on_unimplemented(
    message = "nothing says that brackets do not matter to this combiner",
    label = "this needs an associative combiner",
    note = "where they do not, claim it with `.associative()` on what `combiner` made, or implement \
            `Associative`; `testkit::check_combiner` looks for values that break the law"
)]
pub trait Associative: Combiner {}

/// An associative combiner for which order does not matter: `a b` is `b a`.
#[diagnostic::on_unimplemented(
    message = "nothing says that order does not matter to this combiner",
    label = "this needs a commutative combiner",
    note = "where it does not, claim it with `.commutative()` on what `combiner` made, or implement \
            `Commutative`; `testkit::check_combiner` looks for values that break the law"
)]
pub trait Commutative: Associative {}

/// Makes a combiner of two functions.
///
/// ```
/// use maniple_orchestration::combiner;
///
/// let sum = combiner(|| 0_u64, |a, b| a + b).commutative();
/// let join = combiner(String::new, |a, b| a + &b).associative();
/// let last = combiner(|| None, |a: Option<u64>, b| b.or(a)).associative();
/// # let _ = (sum, join, last);
/// ```
pub fn combiner<T, I, C>(identity: I, combine: C) -> FnCombiner<T, I, C>
where
    T: Send + 'static,
    I: Fn() -> T + Send + Sync + 'static,
    C: Fn(T, T) -> T + Send + Sync + 'static,
{
    FnCombiner { identity, combine, types: PhantomData }
}

/// A combiner made of two functions by [`combiner`]; `L` is what is claimed of it.
pub struct FnCombiner<T, I, C, L = InOrder> {
    identity: I,
    combine: C,
    types: PhantomData<fn(T, L) -> T>,
}

/// Nothing is claimed of a combiner: it combines one output after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InOrder {}

/// A combiner is claimed to be [`Associative`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyBrackets {}

/// A combiner is claimed to be [`Commutative`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnyOrder {}

impl<T, I, C, L> FnCombiner<T, I, C, L> {
    /// Claims that brackets do not matter.
    pub fn associative(self) -> FnCombiner<T, I, C, AnyBrackets> {
        self.claim()
    }

    /// Claims that neither brackets nor order matter.
    pub fn commutative(self) -> FnCombiner<T, I, C, AnyOrder> {
        self.claim()
    }

    fn claim<M>(self) -> FnCombiner<T, I, C, M> {
        FnCombiner { identity: self.identity, combine: self.combine, types: PhantomData }
    }
}

impl<T, I, C, L: 'static> Combiner for FnCombiner<T, I, C, L>
where
    T: Send + 'static,
    I: Fn() -> T + Send + Sync + 'static,
    C: Fn(T, T) -> T + Send + Sync + 'static,
{
    type Item = T;
    type Value = T;

    fn identity(&self) -> T {
        (self.identity)()
    }

    fn lift(&self, item: T) -> T {
        item
    }

    fn combine(&self, left: T, right: T) -> T {
        (self.combine)(left, right)
    }
}

impl<T, I, C> Associative for FnCombiner<T, I, C, AnyBrackets> where Self: Combiner {}
impl<T, I, C> Associative for FnCombiner<T, I, C, AnyOrder> where Self: Combiner {}
impl<T, I, C> Commutative for FnCombiner<T, I, C, AnyOrder> where Self: Combiner {}

impl<T, I, C, L> fmt::Debug for FnCombiner<T, I, C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnCombiner")
            .field("value", &std::any::type_name::<T>())
            .field("claim", &std::any::type_name::<L>())
            .finish()
    }
}

/// Collects outputs into a list, in the order of their inputs.
#[derive(Debug)]
pub struct Collect<T>(PhantomData<fn(T) -> T>);

impl<T> Default for Collect<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Send + 'static> Combiner for Collect<T> {
    type Item = T;
    type Value = Vec<T>;

    fn identity(&self) -> Vec<T> {
        Vec::new()
    }

    fn lift(&self, item: T) -> Vec<T> {
        vec![item]
    }

    fn combine(&self, mut left: Vec<T>, mut right: Vec<T>) -> Vec<T> {
        left.append(&mut right);
        left
    }

    fn add(&self, mut value: Vec<T>, item: T) -> Vec<T> {
        value.push(item);
        value
    }
}

impl<T: Send + 'static> Associative for Collect<T> {}
