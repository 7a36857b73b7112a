use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::marker::PhantomData;

use super::{Associative, Combiner, Commutative};

/// Combines by key: an output is a list of keys with values, and the values of each key are combined
/// by a combiner of their own. Memory grows with the number of different keys.
///
/// ```
/// use maniple_core::{AgentError, Run, agent_fn};
/// use maniple_orchestration::{MapReduce, combiner, per_key};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let words = agent_fn("words", |line: String, _cx| async move {
///     Ok(line.split_whitespace().map(|word| (word.to_owned(), 1)).collect::<Vec<_>>())
/// });
/// let sum = combiner(|| 0, |a: u64, b| a + b).commutative();
/// let count = MapReduce::new("count", words, per_key(sum)).unordered();
///
/// let run = Run::builder("example").open().await?;
/// let counts = run.execute(count, vec!["a rose is".into(), "a rose".into()]).await?;
/// assert_eq!(counts["rose"], 2);
/// # Ok(())
/// # }
/// ```
pub fn per_key<K, C: Combiner>(combiner: C) -> PerKey<K, C> {
    PerKey { combiner, key: PhantomData }
}

/// A combiner for each key, made by [`per_key`].
pub struct PerKey<K, C> {
    combiner: C,
    key: PhantomData<fn(K) -> K>,
}

impl<K: Ord + Send + 'static, C: Combiner> Combiner for PerKey<K, C> {
    type Item = Vec<(K, C::Item)>;
    type Value = BTreeMap<K, C::Value>;

    fn identity(&self) -> Self::Value {
        BTreeMap::new()
    }

    fn lift(&self, item: Self::Item) -> Self::Value {
        self.add(BTreeMap::new(), item)
    }

    fn combine(&self, mut left: Self::Value, right: Self::Value) -> Self::Value {
        for (key, value) in right {
            match left.entry(key) {
                Entry::Vacant(vacant) => {
                    vacant.insert(value);
                }
                Entry::Occupied(mut occupied) => self
                    .change(occupied.get_mut(), |combiner, before| combiner.combine(before, value)),
            }
        }
        left
    }

    fn add(&self, mut value: Self::Value, item: Self::Item) -> Self::Value {
        for (key, item) in item {
            match value.entry(key) {
                Entry::Vacant(vacant) => {
                    vacant.insert(self.combiner.lift(item));
                }
                Entry::Occupied(mut occupied) => {
                    self.change(occupied.get_mut(), |combiner, before| combiner.add(before, item));
                }
            }
        }
        value
    }
}

impl<K, C: Combiner> PerKey<K, C> {
    /// Changes a value where it stands.
    fn change(&self, value: &mut C::Value, change: impl FnOnce(&C, C::Value) -> C::Value) {
        let before = std::mem::replace(value, self.combiner.identity());
        *value = change(&self.combiner, before);
    }
}

impl<K: Ord + Send + 'static, C: Associative> Associative for PerKey<K, C> {}
impl<K: Ord + Send + 'static, C: Commutative> Commutative for PerKey<K, C> {}

impl<K, C: fmt::Debug> fmt::Debug for PerKey<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerKey").field("combiner", &self.combiner).finish()
    }
}
