//! Digests: equal exactly where the values are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use maniple_core::Digest;
use proptest::prelude::*;
use serde::{Serialize, Serializer};

use crate::common::cases;

fn digest<T: Serialize + ?Sized>(value: &T) -> Digest {
    Digest::of(value).unwrap()
}

/// A map that is written in the order in which it was given.
struct Ordered<'a>(&'a [(String, u32)]);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn maps_are_equal_in_any_order(
        (sorted, shuffled) in prop::collection::btree_map(any::<String>(), any::<u32>(), 0..12)
            .prop_map(|map| map.into_iter().collect::<Vec<_>>())
            .prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle())),
    ) {
        let expected = digest(&Ordered(&sorted));
        prop_assert_eq!(digest(&Ordered(&shuffled)), expected);
        let hashed: HashMap<_, _> = shuffled.into_iter().collect();
        prop_assert_eq!(digest(&hashed), expected);
        prop_assert_eq!(digest(&BTreeMap::from_iter(hashed)), expected);
    }

    #[test]
    fn floats_are_equal_where_their_bits_are(a in any::<u64>(), b in any::<u64>()) {
        let of = |bits| digest(&f64::from_bits(bits));
        prop_assert_eq!(of(a) == of(b), a == b);
        prop_assert_eq!(of(a), of(a));
    }

    #[test]
    fn other_values_have_other_digests(a in some_value(), b in some_value()) {
        prop_assert_eq!(digest(&a) == digest(&b), a == b);
    }

    #[test]
    fn a_digest_is_read_back_from_its_text(bytes in any::<Vec<u8>>()) {
        let digest = Digest::of_bytes(&bytes);
        prop_assert_eq!(digest.to_string().len(), 64);
        prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        let json = serde_json::to_string(&digest).unwrap();
        prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    }
}

/// Values that try to be spelled as another one.
fn some_value() -> impl Strategy<Value = serde_json::Value> {
    let text =
        prop::sample::select(vec!["", "1", "a", "\"", "\\\"", ",", "[", "null", "{}", "a\",\"b"]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-1..2_i64).prop_map(Into::into),
        text.clone().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 3, move |value| {
        prop_oneof![
            prop::collection::vec(value.clone(), 0..3).prop_map(Into::into),
            prop::collection::hash_map(text.clone().prop_map(str::to_owned), value, 0..3)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn numbers_that_compare_equal_or_unequal_go_by_their_bits() {
    let quiet = f64::NAN.to_bits();
    let nans = [0, 1, 2, 1 << 63].map(|payload| f64::from_bits(quiet ^ payload));
    assert!(nans.iter().all(|nan| nan.is_nan()));
    let distinct: BTreeSet<_> = nans.iter().map(digest).collect();
    assert_eq!(distinct.len(), nans.len(), "the payload of a NaN is a part of it");
    assert_eq!(digest(&f64::NAN), digest(&f64::NAN));
    assert_ne!(digest(&0.0), digest(&-0.0));
    assert_ne!(digest(&1), digest(&1.0));
    assert_eq!(digest(&1_u8), digest(&1_i64));
}

#[test]
fn what_is_not_64_hexadecimal_digits_is_no_digest() {
    let digest = Digest::of_bytes(b"").to_string();
    for text in ["", &digest[1..], &format!("{digest}0"), &digest.replace('a', "g")] {
        assert!(text.parse::<Digest>().is_err(), "{text}");
        assert!(serde_json::from_value::<Digest>(text.into()).is_err(), "{text}");
    }
}
