//! Records: what is written is what is read.

use std::time::Duration;

use maniple_core::{
    Budget, Class, Digest, Effect, Fact, Key, Outcome, Payload, Record, RecordedError, RunId,
};
use proptest::prelude::*;

use crate::common::{CLASSES, cases};

fn class() -> impl Strategy<Value = Class> {
    prop::sample::select(CLASSES.to_vec())
}

fn effect() -> impl Strategy<Value = Effect> {
    let all = [Effect::Pure, Effect::Idempotent, Effect::Reversible, Effect::Irreversible];
    prop::sample::select(all.to_vec())
}

fn budget() -> impl Strategy<Value = Budget> {
    let amount = || prop_oneof![Just(0), Just(u64::MAX), any::<u64>()];
    let amounts = (amount(), amount(), amount());
    amounts.prop_map(|(tokens, cost_micros, calls)| Budget { tokens, cost_micros, calls })
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 8]>().prop_map(|bytes| Digest::of_bytes(&bytes))
}

fn error() -> impl Strategy<Value = RecordedError> {
    (class(), any::<String>()).prop_map(|(class, text)| RecordedError { class, text: text.into() })
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        any::<String>().prop_map(|text| Payload::encode(&text).unwrap()),
        any::<f64>().prop_map(|float| Payload::encode(&float).unwrap()),
        any::<Option<Vec<(u64, i8)>>>().prop_map(|list| Payload::encode(&list).unwrap()),
        // As a host may have written it.
        Just(serde_json::from_str("{ \"b\": 1.0,\n\"a\": 1e2 }").unwrap()),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let withheld = Just(Outcome::Withheld);
    prop_oneof![payload().prop_map(Outcome::Ok), error().prop_map(Outcome::Err), withheld]
}

fn fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        (any::<String>(), any::<String>())
            .prop_map(|(run, name)| Fact::Started { run: RunId::new(&run), name: name.into() }),
        (effect(), digest(), budget()).prop_map(|(effect, digest, reserved)| Fact::Intent {
            effect,
            digest,
            reserved
        }),
        digest().prop_map(|digest| Fact::Entered { digest }),
        (digest(), outcome(), budget()).prop_map(|(digest, outcome, spent)| Fact::Receipt {
            digest,
            outcome,
            spent
        }),
        (error(), budget()).prop_map(|(error, spent)| Fact::Failed { error, spent }),
        Just(Fact::Abandoned),
        payload().prop_map(|value| Fact::Decided { value }),
        Just(Fact::Awaited),
        payload().prop_map(|value| Fact::Delivered { value }),
        Just(Fact::Withdrawn),
        prop::option::of(error()).prop_map(|error| Fact::Finished { error }),
    ]
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_record_is_read_back_as_it_was_written(
        key in any::<String>(),
        millis in any::<u64>(),
        fact in fact(),
    ) {
        let record = Record { key: Key::new(&key), worked: Duration::from_millis(millis), fact };
        let text = serde_json::to_string(&record).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Record>(&text).unwrap(), &record);
        let bytes = serde_json::to_vec_pretty(&record).unwrap();
        prop_assert_eq!(&serde_json::from_slice::<Record>(&bytes).unwrap(), &record);
    }

    #[test]
    fn only_the_output_of_a_receipt_is_withheld(fact in fact()) {
        let record = Record { key: Key::new("/a"), worked: Duration::ZERO, fact };
        match (record.clone().withhold(), record) {
            (
                Some(withheld),
                Record { key, worked, fact: Fact::Receipt { digest, outcome: Outcome::Ok(_), spent } },
            ) => {
                let fact = Fact::Receipt { digest, outcome: Outcome::Withheld, spent };
                prop_assert_eq!(withheld, Record { key, worked, fact });
            }
            (withheld, record) => prop_assert_eq!(withheld, None, "of {:?}", record),
        }
    }

    #[test]
    fn a_payload_is_the_value_that_it_was_made_of(
        text in any::<String>(),
        number in any::<i64>(),
        list in any::<Vec<Option<bool>>>(),
    ) {
        let value = (text, number, list);
        let payload = Payload::encode(&value).unwrap();
        prop_assert_eq!(payload.decode::<(String, i64, Vec<Option<bool>>)>().unwrap(), value);
        prop_assert!(payload.decode::<u8>().is_err());
    }
}
