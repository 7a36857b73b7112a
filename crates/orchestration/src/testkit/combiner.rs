use std::fmt::{self, Debug};

use crate::map_reduce::Combiner;

/// What a combiner may be asked to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Law {
    /// The identity, combined with a value behind it, is that value. Every combiner keeps it.
    LeftIdentity,
    /// A value, combined with the identity behind it, is that value. Every combiner keeps it.
    RightIdentity,
    /// Adding an item is combining with what the item is lifted to. Every combiner keeps it.
    Add,
    /// Brackets do not matter: claimed by [`Associative`](crate::Associative).
    Associativity,
    /// Order does not matter: claimed by [`Commutative`](crate::Commutative).
    Commutativity,
}

/// A law that a combiner breaks, with values that show it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum BrokenLaw<V, I> {
    /// [`Law::LeftIdentity`].
    LeftIdentity {
        /// The value behind the identity.
        value: V,
        /// What both became.
        got: V,
    },
    /// [`Law::RightIdentity`].
    RightIdentity {
        /// The value in front of the identity.
        value: V,
        /// What both became.
        got: V,
    },
    /// [`Law::Add`].
    Add {
        /// The value that was added to.
        value: V,
        /// What was added.
        item: I,
        /// What `add` made of them.
        added: V,
        /// What `combine` made of the value and the lifted item.
        combined: V,
    },
    /// [`Law::Associativity`].
    Associativity {
        /// The three values.
        values: [V; 3],
        /// What became of them where the first two were combined first.
        first_two_first: V,
        /// What became of them where the last two were.
        last_two_first: V,
    },
    /// [`Law::Commutativity`].
    Commutativity {
        /// The two values.
        values: [V; 2],
        /// What they became in this order.
        forwards: V,
        /// What they became in the other.
        backwards: V,
    },
}

impl<V, I> BrokenLaw<V, I> {
    /// Which law it is.
    pub fn law(&self) -> Law {
        match self {
            Self::LeftIdentity { .. } => Law::LeftIdentity,
            Self::RightIdentity { .. } => Law::RightIdentity,
            Self::Add { .. } => Law::Add,
            Self::Associativity { .. } => Law::Associativity,
            Self::Commutativity { .. } => Law::Commutativity,
        }
    }
}

impl<V: Debug, I: Debug> fmt::Display for BrokenLaw<V, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftIdentity { value, got } => {
                write!(f, "the identity before {value:?} makes it {got:?}")
            }
            Self::RightIdentity { value, got } => {
                write!(f, "the identity behind {value:?} makes it {got:?}")
            }
            Self::Add { value, item, added, combined } => write!(
                f,
                "adding {item:?} to {value:?} gives {added:?}, combining them gives {combined:?}"
            ),
            Self::Associativity { values: [a, b, c], first_two_first, last_two_first } => write!(
                f,
                "({a:?} {b:?}) {c:?} is {first_two_first:?}, {a:?} ({b:?} {c:?}) is \
                 {last_two_first:?}"
            ),
            Self::Commutativity { values: [a, b], forwards, backwards } => {
                write!(f, "{a:?} {b:?} is {forwards:?}, {b:?} {a:?} is {backwards:?}")
            }
        }
    }
}

/// Looks for values that break a law: each law that is broken, with the first values that show it, in
/// the order of [`Law`].
///
/// All pairs and triples of `values` are tried, and all items behind all values; the identity and the
/// lifted items are tried as values too. The laws that a combiner does not claim may be broken; a test
/// says which. A law that is not listed holds for these values, and maybe for no others: floating
/// point addition looks associative as long as nothing is rounded.
///
/// ```
/// use maniple_orchestration::combiner;
/// use maniple_orchestration::testkit::{Law, check_combiner};
///
/// let words = || ["a", "b", ""].map(str::to_owned);
///
/// // Joining text is associative and not commutative.
/// let join = combiner(String::new, |a: String, b: String| a + &b).associative();
/// let broken = check_combiner(&join, &words(), &words());
/// let laws: Vec<Law> = broken.iter().map(|broken| broken.law()).collect();
/// assert_eq!(laws, [Law::Commutativity]);
/// assert_eq!(broken[0].to_string(), r#""a" "b" is "ab", "b" "a" is "ba""#);
/// ```
///
/// # Panics
/// Where the combiner does.
pub fn check_combiner<C>(
    combiner: &C,
    values: &[C::Value],
    items: &[C::Item],
) -> Vec<BrokenLaw<C::Value, C::Item>>
where
    C: Combiner,
    C::Value: Clone + PartialEq + Debug,
    C::Item: Clone + Debug,
{
    let mut all = values.to_vec();
    all.extend(items.iter().map(|item| combiner.lift(item.clone())));
    all.push(combiner.identity());
    let checked = Checked { combiner, values: all, items };
    let laws = [
        checked.left_identity(),
        checked.right_identity(),
        checked.add(),
        checked.associativity(),
        checked.commutativity(),
    ];
    laws.into_iter().flatten().collect()
}

struct Checked<'a, C: Combiner> {
    combiner: &'a C,
    values: Vec<C::Value>,
    items: &'a [C::Item],
}

type Broken<C> = Option<BrokenLaw<<C as Combiner>::Value, <C as Combiner>::Item>>;

impl<C> Checked<'_, C>
where
    C: Combiner,
    C::Value: Clone + PartialEq,
    C::Item: Clone,
{
    fn both(&self, left: &C::Value, right: &C::Value) -> C::Value {
        self.combiner.combine(left.clone(), right.clone())
    }

    fn left_identity(&self) -> Broken<C> {
        self.values.iter().find_map(|value| {
            let got = self.both(&self.combiner.identity(), value);
            (got != *value).then(|| BrokenLaw::LeftIdentity { value: value.clone(), got })
        })
    }

    fn right_identity(&self) -> Broken<C> {
        self.values.iter().find_map(|value| {
            let got = self.both(value, &self.combiner.identity());
            (got != *value).then(|| BrokenLaw::RightIdentity { value: value.clone(), got })
        })
    }

    fn add(&self) -> Broken<C> {
        let pairs = self.values.iter().flat_map(|value| self.items.iter().map(move |i| (value, i)));
        pairs.into_iter().find_map(|(value, item)| {
            let (value, item) = (value.clone(), item.clone());
            let added = self.combiner.add(value.clone(), item.clone());
            let combined = self.both(&value, &self.combiner.lift(item.clone()));
            (added != combined).then_some(BrokenLaw::Add { value, item, added, combined })
        })
    }

    fn pairs(&self) -> impl Iterator<Item = [&C::Value; 2]> {
        self.values.iter().flat_map(|a| self.values.iter().map(move |b| [a, b]))
    }

    fn associativity(&self) -> Broken<C> {
        let triples = self.pairs().flat_map(|[a, b]| self.values.iter().map(move |c| [a, b, c]));
        triples.into_iter().find_map(|[a, b, c]| {
            let first_two_first = self.both(&self.both(a, b), c);
            let last_two_first = self.both(a, &self.both(b, c));
            (first_two_first != last_two_first).then(|| {
                let values = [a, b, c].map(Clone::clone);
                BrokenLaw::Associativity { values, first_two_first, last_two_first }
            })
        })
    }

    fn commutativity(&self) -> Broken<C> {
        self.pairs().find_map(|[a, b]| {
            let (forwards, backwards) = (self.both(a, b), self.both(b, a));
            (forwards != backwards).then(|| {
                let values = [a, b].map(Clone::clone);
                BrokenLaw::Commutativity { values, forwards, backwards }
            })
        })
    }
}
