//! Strategies for proptest: inputs, what a run is opened with, faults, and crashes. All of them shrink
//! towards what is harmless.
//!
//! ```
//! use maniple_testkit::{FaultSchedule, strategy};
//! use proptest::prelude::*;
//!
//! proptest! {
//!     // In a test file it has the attribute `#[test]`.
//!     fn a_schedule_names_few_of_the_calls(faults in strategy::fault_schedules(10, 3)) {
//!         prop_assert!(faults.faults().len() <= 3);
//!         prop_assert!(faults.faults().keys().all(|call| *call < 10));
//!     }
//! }
//! a_schedule_names_few_of_the_calls();
//! ```

use std::time::Duration;

use maniple_core::{Budget, Effect, Permissions, RunBuilder};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{Just, any};
use proptest::sample::select;
use proptest::strategy::{Strategy, Union};
use serde_json::{Map, Number, Value};

use crate::crash::Moment;
use crate::crash_test::CrashSchedule;
use crate::faulty::{Fault, FaultSchedule};

/// Text of up to so many characters in any script, with what is awkward to write: quotes, backslashes,
/// line ends, separators of keys, controls. It shrinks towards the empty text and the letter a.
pub fn text(most: usize) -> impl Strategy<Value = String> {
    let awkward = vec!['a', ' ', '/', '#', '%', '[', ']', '!', ':', '"', '\\', '\n', '\0', 'é'];
    let awkward = awkward.into_iter().chain(['名', '\u{2028}', '\u{1F600}', '\u{7f}']);
    let awkward = select(awkward.collect::<Vec<_>>());
    let letter = Union::new_weighted(vec![(3, awkward.boxed()), (1, any::<char>().boxed())]);
    vec(letter, 0..=most).prop_map(String::from_iter)
}

/// JSON values with up to so many values inside, each with up to eight of its own, in up to four
/// levels: null, booleans, integers, sixteenths, [text](text()), lists, and objects. They shrink towards
/// null, and lists and objects towards empty ones.
pub fn json(most: u32) -> impl Strategy<Value = Value> {
    // Of others, a reader of JSON may get the last bit wrong.
    let sixteenths = any::<i32>().prop_map(|n| f64::from(n) / 16.0);
    let float = sixteenths.prop_filter_map("a finite number", Number::from_f64);
    let leaf = Union::new(vec![
        Just(Value::Null).boxed(),
        any::<bool>().prop_map(Value::from).boxed(),
        any::<i64>().prop_map(Value::from).boxed(),
        float.prop_map(Value::Number).boxed(),
        text(8).prop_map(Value::from).boxed(),
    ]);
    leaf.prop_recursive(4, most, 8, |inner| {
        Union::new(vec![
            vec(inner.clone(), 0..=8).prop_map(Value::from).boxed(),
            btree_map(text(4), inner, 0..=8)
                .prop_map(|members| Value::from(Map::from_iter(members)))
                .boxed(),
        ])
    })
}

/// Small orders, the input of a host that sells things: up to four articles, each with how many of it,
/// from 1 to 9. They shrink towards the empty order.
pub fn orders() -> impl Strategy<Value = Vec<(String, u32)>> {
    let article = select(vec!["lamp", "chair", "desk", "shelf"]).prop_map(str::to_owned);
    vec((article, 1..=9_u32), 0..=4)
}

/// What a run is opened with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Opening {
    /// What it may use.
    pub budget: Budget,
    /// How long it may work.
    pub deadline: Option<Duration>,
    /// What it may do.
    pub permissions: Permissions,
}

impl Opening {
    /// Gives it to a run.
    pub fn apply(&self, run: RunBuilder) -> RunBuilder {
        let run = run.with_budget(self.budget).with_permissions(self.permissions.clone());
        match self.deadline {
            Some(working) => run.with_deadline(working),
            None => run,
        }
    }
}

/// Runs with and without a budget, of up to 10,000 tokens, a unit of cost and 100 calls; with and
/// without a deadline, of up to a minute; that may do everything, or only up to some effect. They shrink
/// towards a run without limits.
pub fn openings() -> impl Strategy<Value = Opening> {
    let amounts = (0..=10_000_u64, 0..=1_000_000_u64, 0..=100_u64);
    let limited =
        amounts.prop_map(|(tokens, cost_micros, calls)| Budget { tokens, cost_micros, calls });
    let budget = Union::new(vec![Just(Budget::UNLIMITED).boxed(), limited.boxed()]);
    let deadline = option::of((0..=60_000_u64).prop_map(Duration::from_millis));
    let effects = [Effect::Irreversible, Effect::Reversible, Effect::Idempotent, Effect::Pure];
    let permissions = select(effects.to_vec())
        .prop_map(|highest| Permissions::all().with_highest_effect(highest));
    (budget, deadline, permissions).prop_map(|(budget, deadline, permissions)| Opening {
        budget,
        deadline,
        permissions,
    })
}

/// Up to so many faults of any kind among the first `calls` calls. They shrink towards none, and each
/// towards a transient failure of the first call.
pub fn fault_schedules(calls: u64, most: usize) -> impl Strategy<Value = FaultSchedule> {
    fault_schedules_of(&Fault::ALL, calls, most)
}

/// Up to so many of these faults among the first `calls` calls. They shrink towards none, and each
/// towards the first in the list and the first call; one goes alone, or those after it come a call
/// earlier, as they do where a call is not repeated. Of no calls, or no faults, there is none.
pub fn fault_schedules_of(
    faults: &[Fault],
    calls: u64,
    most: usize,
) -> impl Strategy<Value = FaultSchedule> + use<> {
    if faults.is_empty() || calls == 0 {
        return Just(FaultSchedule::none()).boxed();
    }
    // A call is told by how many are spared before it: as a number of its own, it could not come
    // earlier when one before it goes, and the smallest schedule would not be found.
    let near = calls / u64::try_from(most).unwrap_or(u64::MAX).max(1);
    let spared = Union::new([0..=near, 0..=calls - 1]);
    vec((spared, option::weighted(0.9, select(faults.to_vec()))), 0..=most)
        .prop_map(move |slots| {
            let mut next = 0_u64;
            let at = slots.into_iter().filter_map(|(spared, fault)| {
                let call = next.saturating_add(spared);
                next = call.saturating_add(1);
                Some((call, fault?)).filter(|_| call < calls)
            });
            FaultSchedule::at(at)
        })
        .boxed()
}

/// Up to so many crashes, each within the first `records` records of its processes. They shrink towards
/// none, and each towards a death before the first record. Within no records there is none.
pub fn crash_schedules(records: usize, crashes: usize) -> impl Strategy<Value = CrashSchedule> {
    if records == 0 {
        return Just(CrashSchedule::default()).boxed();
    }
    vec((0..records, select(Moment::ALL.to_vec())), 0..=crashes)
        .prop_map(CrashSchedule::new)
        .boxed()
}
