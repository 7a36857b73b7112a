//! Places that look alike and are not.

use std::num::NonZeroU32;

use maniple_core::{Effect, Run, RunContext};

use crate::common::open;

#[tokio::test]
async fn an_index_and_a_name_of_digits_are_two_places() {
    let run = open(Run::builder("digits")).await;
    for digits in ["5", "0", "18446744073709551615"] {
        let index: u64 = digits.parse().unwrap();
        assert_ne!(run.context().child_at(index).path(), run.context().child_at(digits).path());
    }
    assert_ne!(run.context().child_at("5").path(), run.context().child_at("%35").path());
}

#[tokio::test]
async fn a_decision_named_shape_is_not_the_shape_of_the_pattern_around_it() {
    let run = open(Run::builder("shape")).await;
    let cx = run.context().child("pattern");
    cx.check_shape(&"three stages").unwrap();
    for name in ["shape", "%shape", "attempt", "%attempt"] {
        let decided = cx.decide(name, || name.to_owned()).await.unwrap();
        assert_eq!(decided, name);
    }
}

#[tokio::test]
async fn attempts_share_no_key_with_what_stands_beside_them() {
    let run = open(Run::builder("attempts")).await;
    let cx = run.context().child("agent");
    let ask = |cx: RunContext, n: u32| async move {
        cx.step("ask", Effect::Pure, (), |(), _| async move { Ok(n) }).await
    };
    let once = NonZeroU32::MIN;
    let answers = [
        ask(cx.clone(), 1).await.unwrap(),
        cx.attempts("try", once, |cx| ask(cx, 2)).await.unwrap(),
        cx.attempts("try", once, |cx| ask(cx, 3)).await.unwrap(),
        ask(cx.child("try"), 4).await.unwrap(),
    ];
    assert_eq!(answers, [1, 2, 3, 4]);
}
