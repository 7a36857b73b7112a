//! What reducing saves.

use maniple_context::{Price, Savings, Sent};
use maniple_core::Budget;
use proptest::prelude::*;

use crate::price::{Given, given, sent};

#[derive(Debug, Clone)]
enum Entry {
    Turn(Given, Sent, Sent),
    Spend(Budget),
}

fn entry() -> impl Strategy<Value = Entry> {
    let amount = || prop_oneof![9 => 0_u64..1_000_000, 1 => Just(u64::MAX)];
    prop_oneof![
        3 => (given(), sent(), sent()).prop_map(|(given, a, b)| Entry::Turn(given, a, b)),
        1 => (amount(), amount(), 0_u64..9).prop_map(|(tokens, cost_micros, calls)| {
            Entry::Spend(Budget { tokens, cost_micros, calls })
        }),
    ]
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    proptest::collection::vec(entry(), 0..12)
}

fn of(entries: &[Entry]) -> Savings {
    let mut savings = Savings::new();
    for entry in entries {
        match entry {
            Entry::Turn(given, without, with) => savings.turn(&given.price(), *without, *with),
            Entry::Spend(used) => savings.spend(*used),
        }
    }
    savings
}

fn merged(one: &Savings, other: &Savings) -> Savings {
    let mut sum = *one;
    sum.merge(other);
    sum
}

proptest! {
    #[test]
    fn it_is_what_all_turns_saved_less_what_reducing_used(entries in entries()) {
        let (mut turns, mut tokens, mut micros) = (0, 0_i128, 0_i128);
        let (mut used_tokens, mut used_micros) = (0_i128, 0_i128);
        for entry in &entries {
            match entry {
                Entry::Turn(given, without, with) => {
                    turns += 1;
                    tokens += without.tokens as i128 - with.tokens as i128;
                    micros += i128::from(given.cost(*without)) - i128::from(given.cost(*with));
                }
                Entry::Spend(used) => {
                    used_tokens += i128::from(used.tokens);
                    used_micros += i128::from(used.cost_micros);
                }
            }
        }
        let most = i128::from(u64::MAX);
        let savings = of(&entries);
        prop_assert_eq!(savings.turns(), turns);
        prop_assert_eq!(savings.without.calls, turns);
        prop_assert_eq!(savings.saved_tokens(), tokens - used_tokens.min(most));
        prop_assert_eq!(savings.saved_micros(), micros - used_micros.min(most));
    }

    #[test]
    fn those_of_several_agents_are_those_of_one(entries in entries(), at in any::<prop::sample::Index>()) {
        let (one, other) = entries.split_at(at.index(entries.len() + 1));
        prop_assert_eq!(merged(&of(one), &of(other)), of(&entries));
    }

    #[test]
    fn merging_is_a_commutative_monoid(a in entries(), b in entries(), c in entries()) {
        let (a, b, c) = (of(&a), of(&b), of(&c));
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &Savings::new()), a);
        prop_assert_eq!(merged(&Savings::new(), &a), a);
    }

    #[test]
    fn they_are_the_same_from_json(entries in entries()) {
        let savings = of(&entries);
        let json = serde_json::to_string(&savings).unwrap();
        prop_assert_eq!(serde_json::from_str::<Savings>(&json).unwrap(), savings);
    }
}

const PRICE: Price = Price::new(2_000_000, 10_000_000).with_cache(200_000, 2_500_000);

#[test]
fn a_line_says_what_is_assumed() {
    let mut savings = Savings::new();
    savings.turn(&PRICE, Sent::new(100_000), Sent::new(40_000));
    savings.turn(
        &PRICE,
        Sent::new(110_000).with_cached(100_000),
        Sent::new(50_000).with_cached(40_000),
    );
    assert_eq!(
        savings.to_string(),
        "2 turns sent 90000 tokens instead of 210000 for 0.133 instead of 0.295: 120000 tokens \
         fewer and 0.162 less, if the provider's cache holds between turns and the unreduced \
         context could be sent"
    );
    savings.spend(PRICE.call(Sent::new(60_000), 1_000));
    assert_eq!(
        savings.to_string(),
        "2 turns sent 90000 tokens instead of 210000 for 0.133 instead of 0.295, and reducing used \
         61000 for 0.16: 59000 tokens fewer and 0.002 less, if the provider's cache holds between \
         turns and the unreduced context could be sent"
    );
}

#[test]
fn a_reduction_that_costs_more_says_so() {
    let mut savings = Savings::new();
    let cached = Sent::new(10_000).with_cached(10_000);
    savings.turn(&PRICE, cached, Sent::new(9_000));
    savings.spend(PRICE.call(Sent::new(10_000), 500));
    assert_eq!(savings.saved_tokens(), -9_500);
    assert_eq!(savings.saved_micros(), 2_000 - 22_500 - 30_000);
    let line = savings.to_string();
    assert!(line.starts_with("1 turn sent 9000 tokens instead of 10000 for "), "{line}");
    assert!(line.contains(": 9500 tokens more and 0.0505 more, if "), "{line}");
}
