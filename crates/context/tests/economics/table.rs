//! The prices of models.

use maniple_context::{Price, PriceTable};

#[test]
fn an_unknown_model_is_told_which_are_known() {
    let table = PriceTable::new()
        .with_price("small", Price::new(1, 2))
        .with_price("large", Price::new(3, 4))
        .with_price("small", Price::new(5, 6));
    assert_eq!(table.price("small"), Ok(&Price::new(5, 6)));
    assert_eq!(table.price("large"), Ok(&Price::new(3, 4)));
    let unknown = table.price("Large").unwrap_err();
    assert_eq!(unknown.known, ["large".into(), "small".into()]);
    assert_eq!(
        unknown.to_string(),
        "no price is given for the model \"Large\": the table has large, small"
    );
    let empty = PriceTable::new().price("large").unwrap_err();
    assert_eq!(empty.to_string(), "no price is given for the model \"large\": the table is empty");
}

#[test]
fn json_is_an_object_in_the_order_of_names() {
    let table = PriceTable::new()
        .with_price("b", Price::new(1, 2).with_cache(3, 4).with_smallest_cached(5))
        .with_price("a", Price::new(6, 7));
    let json = serde_json::to_string(&table).unwrap();
    assert_eq!(
        json,
        r#"{"a":{"input":6,"output":7,"cached_input":6,"cache_write":6,"smallest_cached":0},"#
            .to_owned()
            + r#""b":{"input":1,"output":2,"cached_input":3,"cache_write":4,"smallest_cached":5}}"#
    );
    assert_eq!(serde_json::from_str::<PriceTable>(&json).unwrap(), table);
    let models: Vec<&str> = table.iter().map(|(model, _)| model).collect();
    assert_eq!(models, ["a", "b"]);
}

#[test]
fn a_model_with_two_prices_is_refused() {
    let json = r#"{"a": {"input": 1, "output": 2}, "a": {"input": 3, "output": 4}}"#;
    let error = serde_json::from_str::<PriceTable>(json).unwrap_err().to_string();
    assert!(error.contains("the model \"a\" has two prices"), "{error}");
    let error = serde_json::from_str::<PriceTable>("[]").unwrap_err().to_string();
    assert!(error.contains("an object of prices by the names of models"), "{error}");
}
