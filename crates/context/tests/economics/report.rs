//! What a report says of cost.

use std::sync::Arc;

use maniple_context::{ContextOptimizer, Encoding, Kind, Price, Segment, Sent, Tiktoken};

#[test]
fn a_report_says_how_much_of_the_budget_is_used_and_what_that_saves() {
    let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
    let line = |n: usize| format!("INFO orders: served {n} in {} ms\n", n * 79 % 97);
    let log: String = (0..400).map(line).collect();
    let segments = [Segment::new("log", Kind::Log, log)];
    let optimizer = ContextOptimizer::builder(counter, 1_000).build().unwrap();
    let report = optimizer.optimize(&segments, None).unwrap().report;
    assert!(report.after < report.before);

    let used = report.utilisation() * 1_000.0;
    assert!((used - f64::from(u32::try_from(report.after).unwrap())).abs() < 1e-6, "{used}");

    let price = Price::new(3_000_000, 15_000_000).with_cache(300_000, 3_750_000);
    let savings = report.savings(&price);
    assert_eq!(savings.turns(), 1);
    assert_eq!(savings.without.cost_micros, price.of(Sent::new(report.before)));
    assert_eq!(savings.with.cost_micros, price.of(Sent::new(report.after)));
    assert_eq!(savings.saved_tokens(), report.before as i128 - report.after as i128);
}
