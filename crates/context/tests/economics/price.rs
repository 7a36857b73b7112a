//! What a request costs.

use maniple_context::{Price, Sent};
use proptest::prelude::*;

/// A price as it is given, for a model that knows nothing of [`Price`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cache: Option<(u64, u64)>,
    pub(crate) smallest: usize,
}

impl Given {
    pub(crate) fn price(self) -> Price {
        let price = Price::new(self.input, self.output).with_smallest_cached(self.smallest);
        match self.cache {
            Some((read, write)) => price.with_cache(read, write),
            None => price,
        }
    }

    /// What each token of a request costs, in millionths of millionths, from the first one on.
    fn tokens(self, sent: Sent) -> impl Iterator<Item = u128> {
        let is_kept = sent.tokens >= self.smallest;
        let is_read = sent.cached.min(sent.tokens) >= self.smallest;
        (0..sent.tokens).map(move |at| {
            u128::from(match self.cache {
                Some((read, _)) if is_kept && is_read && at < sent.cached => read,
                Some((_, write)) if is_kept => write,
                _ => self.input,
            })
        })
    }

    /// The least whole number of millionths that pays for all of them.
    pub(crate) fn cost(self, sent: Sent) -> u64 {
        rounded_up(self.tokens(sent).sum())
    }
}

fn rounded_up(sum: u128) -> u64 {
    let down = sum / 1_000_000;
    let paid = if down * 1_000_000 == sum { down } else { down + 1 };
    u64::try_from(paid).unwrap()
}

pub(crate) fn given() -> impl Strategy<Value = Given> {
    let amount = || prop_oneof![0_u64..10, 0_u64..50_000_000];
    let cache = proptest::option::of((amount(), amount()));
    (amount(), amount(), cache, prop_oneof![Just(0_usize), 0_usize..300])
        .prop_map(|(input, output, cache, smallest)| Given { input, output, cache, smallest })
}

/// Where reading is no dearer than input, and input no dearer than writing.
fn sensible() -> impl Strategy<Value = Given> {
    given().prop_map(|given| {
        let cache =
            given.cache.map(|(read, write)| (read.min(given.input), write.max(given.input)));
        Given { cache, ..given }
    })
}

pub(crate) fn sent() -> impl Strategy<Value = Sent> {
    (0_usize..400, 0_usize..500).prop_map(|(tokens, cached)| Sent::new(tokens).with_cached(cached))
}

proptest! {
    #[test]
    fn a_request_costs_what_its_tokens_cost(given in given(), sent in sent()) {
        prop_assert_eq!(given.price().of(sent), given.cost(sent));
    }

    #[test]
    fn a_call_costs_its_request_and_its_answer(given in given(), sent in sent(), answered in 0_usize..400) {
        let call = given.price().call(sent, answered);
        let answer = rounded_up((0..answered).map(|_| u128::from(given.output)).sum());
        prop_assert_eq!(call.cost_micros, given.cost(sent) + answer);
        prop_assert_eq!(call.tokens, u64::try_from(sent.tokens + answered).unwrap());
        prop_assert_eq!(call.calls, 1);
    }

    #[test]
    fn more_tokens_never_cost_less(given in sensible(), sent in sent(), more in 0_usize..300) {
        let price = given.price();
        let longer = Sent::new(sent.tokens + more).with_cached(sent.cached.min(sent.tokens));
        prop_assert!(price.of(longer) >= price.of(sent));
    }

    #[test]
    fn a_longer_cached_beginning_never_costs_more(given in sensible(), sent in sent(), more in 0_usize..300) {
        let price = given.price();
        prop_assert!(price.of(sent.with_cached(sent.cached + more)) <= price.of(sent));
    }

    /// Where writing costs what input costs; where it costs more, the first turn does, too.
    #[test]
    fn caching_never_costs_more(given in sensible(), sent in sent()) {
        let cache = given.cache.map(|(read, _)| (read, given.input));
        let [cached, plain] = [cache, None].map(|cache| Given { cache, ..given }.price().of(sent));
        prop_assert!(cached <= plain);
    }

    #[test]
    fn costs_add_up_but_for_rounding(given in given(), one in 0_usize..300, other in 0_usize..300) {
        let price = Given { smallest: 0, ..given }.price();
        let both = price.of(Sent::new(one + other).with_cached(one));
        let parts = price.of(Sent::new(one).with_cached(one)) + price.of(Sent::new(other));
        prop_assert!(both <= parts && parts <= both + 1, "{both} in one, {parts} in two");
    }

    #[test]
    fn more_cached_than_sent_is_all_of_it(given in given(), tokens in 0_usize..400, more in 0_usize..400) {
        let (price, all) = (given.price(), Sent::new(tokens).with_cached(tokens));
        prop_assert_eq!(price.of(all.with_cached(tokens + more)), price.of(all));
    }

    #[test]
    fn a_price_is_the_same_from_json(given in given()) {
        let price = given.price();
        let json = serde_json::to_string(&price).unwrap();
        prop_assert_eq!(serde_json::from_str::<Price>(&json).unwrap(), price);
    }
}

#[test]
fn what_is_not_free_costs_something() {
    assert_eq!(Price::new(1, 0).of(Sent::new(1)), 1);
    assert_eq!(Price::new(1, 0).of(Sent::new(1_000_000)), 1);
    assert_eq!(Price::new(1, 0).of(Sent::new(1_000_001)), 2);
    assert_eq!(Price::new(0, 0).of(Sent::new(1_000_001)), 0);
    assert_eq!(Price::new(1, 0).of(Sent::default()), 0);
}

#[test]
fn the_smallest_cached_beginning_is_cached() {
    let price = Price::new(3_000_000, 0).with_cache(1_000_000, 4_000_000).with_smallest_cached(10);
    let cost = |tokens, cached| price.of(Sent::new(tokens).with_cached(cached));
    assert_eq!(cost(9, 9), 9 * 3);
    assert_eq!(cost(10, 0), 10 * 4);
    assert_eq!(cost(20, 9), 20 * 4);
    assert_eq!(cost(20, 10), 10 + 10 * 4);
}

#[test]
fn what_no_number_holds_is_the_largest() {
    let price = Price::new(u64::MAX, u64::MAX);
    assert_eq!(price.of(Sent::new(usize::MAX)), u64::MAX);
    assert_eq!(price.of(Sent::new(usize::MAX).with_cached(usize::MAX / 2)), u64::MAX);
    assert_eq!(price.of(Sent::new(1_000_000)), u64::MAX);
    assert_eq!(price.of(Sent::new(999_999)), u64::MAX - u64::MAX / 1_000_000);
    let call = price.call(Sent::new(usize::MAX), usize::MAX);
    assert_eq!((call.tokens, call.cost_micros), (u64::MAX, u64::MAX));
}

#[test]
fn json_says_what_the_constructors_say() {
    let read = |json: &str| serde_json::from_str::<Price>(json);
    let plain = Price::new(3, 15);
    assert_eq!(read(r#"{"input": 3, "output": 15}"#).unwrap(), plain);
    let cached = r#"{"input": 3, "output": 15, "cached_input": 1}"#;
    assert_eq!(read(cached).unwrap(), plain.with_cache(1, 3));
    let written = r#"{"input": 3, "output": 15, "cache_write": 4, "smallest_cached": 1024}"#;
    assert_eq!(read(written).unwrap(), plain.with_cache(3, 4).with_smallest_cached(1024));
    for (bad, says) in [
        (r#"{"input": 3, "output": 15, "cached": 1}"#, "unknown field `cached`"),
        (r#"{"input": 3}"#, "missing field `output`"),
        (r#"{"input": -3, "output": 15}"#, "invalid value: integer `-3`"),
        (r#"{"input": 2.5, "output": 15}"#, "invalid type: floating point `2.5`"),
    ] {
        let error = read(bad).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
