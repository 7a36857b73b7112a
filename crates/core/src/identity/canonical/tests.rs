use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::canonical;

fn text<T: Serialize>(value: &T) -> String {
    let mut text = String::new();
    canonical(value, true, &mut text).unwrap();
    text
}

#[derive(Serialize)]
enum Shape {
    Unit,
    New(u8),
    Tuple(u8, f64),
    Struct { z: Option<u8>, a: &'static str },
}

#[test]
fn every_kind_of_value_has_one_spelling() {
    assert_eq!(text(&Shape::Unit), r#""Unit""#);
    assert_eq!(text(&Shape::New(1)), r#"{"New":1}"#);
    assert_eq!(text(&Shape::Tuple(1, 1.0)), r#"{"Tuple":[1,f3ff0000000000000]}"#);
    assert_eq!(
        text(&Shape::Struct { z: None, a: "\"\n" }),
        "{\"Struct\":{\"a\":\"\\\"\\u000a\",\"z\":null}}"
    );
}

#[test]
fn map_order_does_not_matter_and_keys_may_be_of_any_type() {
    let numbers: HashMap<u32, u32> = (0..100).map(|n| (n, n)).collect();
    let sorted: BTreeMap<String, u32> = numbers.iter().map(|(k, v)| (k.to_string(), *v)).collect();
    let sorted: Vec<_> = sorted.iter().map(|(k, v)| format!("{k}:{v}")).collect();
    assert_eq!(text(&numbers), format!("{{{}}}", sorted.join(",")));
    let tuples: HashMap<(u8, u8), u8> = [((1, 2), 3)].into();
    assert_eq!(text(&tuples), "{[1,2]:3}");
}

#[test]
fn nan_infinity_and_the_sign_of_zero_are_told_apart() {
    let all = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0].map(|f| text(&f));
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}
