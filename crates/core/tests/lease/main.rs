//! Leases against a naive model, and while threads work with them.

#[path = "../common/mod.rs"]
mod common;
mod model;
mod stress;

use common::{cases, open, paused};
use maniple_core::{Budget, Lease, Run};
use model::{Model, amounts, left, op, some_limit};
use proptest::prelude::*;

/// A root lease, which only a run can make. It outlives its run.
fn root(limit: Budget) -> Lease {
    paused().block_on(async {
        let run = open(Run::builder("leases").with_budget(limit)).await;
        run.context().lease().clone()
    })
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_lease_says_what_the_model_says_and_never_gives_more_than_it_has(
        limit in some_limit(200),
        ops in prop::collection::vec(op(), 1..80),
    ) {
        let mut model = Model::new(limit);
        for op in ops {
            model.apply(&op)?;
            model.check()?;
        }
    }

    #[test]
    fn everything_unused_is_back_when_all_is_dropped(
        limit in some_limit(200),
        ops in prop::collection::vec(op(), 1..80),
    ) {
        let mut model = Model::new(limit);
        for op in ops {
            model.apply(&op)?;
        }
        model.drop_all()?;
        prop_assert_eq!(amounts(model.root().spent()), model.used());
        prop_assert_eq!(model.root().granted(), Budget::ZERO);
        prop_assert_eq!(amounts(model.root().remaining()), left(limit, model.used()));
    }
}

#[test]
fn a_reservation_refunds_before_its_start_and_counts_as_spent_after_it() {
    let lease = root(Budget::tokens(10));
    drop(lease.reserve(Budget::tokens(10)).unwrap());
    assert_eq!(lease.remaining(), Budget::tokens(10));

    let mut started = lease.reserve(Budget::tokens(4)).unwrap();
    started.start();
    drop(started);
    assert_eq!(lease.spent(), Budget::tokens(4));
    assert_eq!(lease.remaining(), Budget::tokens(6));
}

#[test]
fn an_overrun_of_a_child_is_felt_by_every_lease_above_it_at_once() {
    let top = root(Budget::tokens(10));
    let middle = top.grant(Budget::tokens(6)).unwrap();
    let bottom = middle.grant(Budget::tokens(4)).unwrap();
    let call = bottom.reserve(Budget::tokens(4)).unwrap();
    call.settle(Budget::tokens(9));

    assert_eq!(bottom.overrun(), Budget::tokens(5));
    assert_eq!(middle.remaining(), Budget::ZERO);
    assert_eq!(middle.overrun(), Budget::ZERO);
    assert_eq!(top.remaining(), Budget::tokens(4));
    drop(bottom);
    assert_eq!(middle.spent(), Budget::tokens(9));
    assert_eq!(middle.overrun(), Budget::tokens(3));
    assert_eq!(top.remaining(), Budget::tokens(1));
    drop(middle);
    assert_eq!(top.spent(), Budget::tokens(9));
    assert_eq!(top.remaining(), Budget::tokens(1));
}

#[test]
fn unlimited_stays_unlimited() {
    let lease = root(Budget::UNLIMITED);
    let child = lease.grant(Budget::UNLIMITED).unwrap();
    let limited = child.grant(Budget::tokens(u64::MAX - 1)).unwrap();
    for lease in [&lease, &child, &limited] {
        let mut call = lease.reserve(Budget::tokens(u64::MAX / 2)).unwrap();
        call.start();
    }
    child.reserve(Budget::tokens(7)).unwrap().settle(Budget::UNLIMITED);
    for lease in [&lease, &child] {
        assert_eq!(lease.remaining(), Budget::UNLIMITED);
        assert!(lease.grant(Budget::UNLIMITED).is_ok());
    }
    drop((child, limited));
    assert_eq!(lease.remaining(), Budget::UNLIMITED);
    assert_eq!(lease.granted(), Budget::ZERO);
}

#[test]
fn a_limited_lease_has_nothing_unlimited_to_give() {
    let lease = root(Budget::tokens(10));
    assert!(lease.grant(Budget::UNLIMITED).is_err());
    assert!(lease.reserve(Budget::UNLIMITED).is_err());
    assert_eq!(lease.remaining(), Budget::tokens(10));
}
