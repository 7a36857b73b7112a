//! Everything that ever happened to a tree of leases, from which is computed what each must say.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use maniple_core::{Budget, Lease, Reservation};
use proptest::prelude::*;

use crate::root;

/// The three amounts; no test uses enough to come near the unlimited one by adding.
pub(crate) type Amounts = [u64; 3];

pub(crate) fn amounts(budget: Budget) -> Amounts {
    [budget.tokens, budget.cost_micros, budget.calls]
}

fn budget([tokens, cost_micros, calls]: Amounts) -> Budget {
    Budget { tokens, cost_micros, calls }
}

fn zip(a: Amounts, b: Amounts, f: impl Fn(u64, u64) -> u64) -> Amounts {
    [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2])]
}

fn sum(all: impl Iterator<Item = Amounts>) -> Amounts {
    all.fold([0; 3], |a, b| zip(a, b, |a, b| a + b))
}

/// What is left of a limit; nothing can be taken away from an unlimited amount.
pub(crate) fn left(limit: Amounts, used: Amounts) -> Amounts {
    zip(limit, used, |limit, used| match limit {
        u64::MAX => u64::MAX,
        limit => limit.saturating_sub(used),
    })
}

fn beyond(used: Amounts, limit: Amounts) -> Amounts {
    zip(used, limit, u64::saturating_sub)
}

/// Everything that ever happened, from which the model computes what a lease must say.
#[derive(Default)]
pub(crate) struct Model {
    leases: Vec<ModelLease>,
    reservations: Vec<ModelReservation>,
}

struct ModelLease {
    parent: Option<usize>,
    limit: Amounts,
    /// `None` when the test has let go of it; what was made from it may keep it alive.
    handle: Option<Lease>,
}

struct ModelReservation {
    lease: usize,
    amount: Amounts,
    started: bool,
    /// `None` once it has ended.
    handle: Option<Reservation>,
    /// What it used in the end.
    used: Amounts,
}

impl Model {
    pub(crate) fn new(limit: Amounts) -> Self {
        let mut model = Self::default();
        model.leases.push(ModelLease { parent: None, limit, handle: Some(root(budget(limit))) });
        model
    }

    fn children(&self, of: usize) -> impl Iterator<Item = usize> {
        (0..self.leases.len()).filter(move |&l| self.leases[l].parent == Some(of))
    }

    fn reservations(&self, of: usize) -> impl Iterator<Item = &ModelReservation> {
        self.reservations.iter().filter(move |r| r.lease == of)
    }

    fn is_alive(&self, lease: usize) -> bool {
        self.leases[lease].handle.is_some()
            || self.reservations(lease).any(|r| r.handle.is_some())
            || self.children(lease).any(|child| self.is_alive(child))
    }

    fn spent(&self, lease: usize) -> Amounts {
        let own = self.reservations(lease).map(|r| r.used);
        let below = self.children(lease).map(|child| {
            let spent = self.spent(child);
            if self.is_alive(child) { beyond(spent, self.leases[child].limit) } else { spent }
        });
        sum(own.chain(below))
    }

    fn reserved(&self, lease: usize) -> Amounts {
        let open = self.reservations(lease).filter(|r| r.handle.is_some());
        sum(open.map(|r| r.amount))
    }

    fn granted(&self, lease: usize) -> Amounts {
        let alive = self.children(lease).filter(|&child| self.is_alive(child));
        sum(alive.map(|child| {
            self.leases[child].limit.map(|amount| if amount == u64::MAX { 0 } else { amount })
        }))
    }

    fn remaining(&self, lease: usize) -> Amounts {
        let used = [self.spent(lease), self.reserved(lease), self.granted(lease)];
        left(self.leases[lease].limit, sum(used.into_iter()))
    }

    /// By how much the calls at and below a lease used more than they had reserved.
    fn overrun_of_calls(&self, lease: usize) -> Amounts {
        let own = self
            .reservations(lease)
            .filter(|r| r.handle.is_none())
            .map(|r| beyond(r.used, r.amount));
        let below = self.children(lease).map(|l| self.overrun_of_calls(l));
        sum(own.chain(below))
    }

    /// Compares every lease that the test still holds with the model.
    pub(crate) fn check(&self) -> Result<(), TestCaseError> {
        for (index, lease) in self.leases.iter().enumerate() {
            let Some(real) = &lease.handle else { continue };
            let (limit, spent) = (lease.limit, amounts(real.spent()));
            prop_assert_eq!(amounts(real.limit()), limit);
            prop_assert_eq!(spent, self.spent(index), "spent of {}", index);
            prop_assert_eq!(amounts(real.granted()), self.granted(index));
            prop_assert_eq!(amounts(real.remaining()), self.remaining(index));
            prop_assert_eq!(amounts(real.overrun()), beyond(self.spent(index), limit));

            let used = [amounts(real.granted()), self.reserved(index), spent];
            let excess = beyond(sum(used.into_iter()), limit);
            let excused = self.overrun_of_calls(index);
            prop_assert!(
                (0..3).all(|i| excess[i] <= excused[i]),
                "{excess:?} above the limit of {index}, calls overran by {excused:?}"
            );
        }
        Ok(())
    }
}

/// Indices are taken modulo what there is.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Grant(usize, Amounts),
    Reserve(usize, Amounts),
    Start(usize),
    Settle(usize, Use),
    EndReservation(usize),
    DropLease(usize),
    PanicHolding { lease: usize, limit: Amounts, amount: Amounts, start: bool },
}

/// What a call used, compared with what it had reserved.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    Less,
    Same,
    More,
}

impl Use {
    fn of(self, reserved: Amounts) -> Amounts {
        reserved.map(|amount| match self {
            Self::Less => amount / 2,
            Self::Same => amount,
            Self::More => amount + 3,
        })
    }
}

fn some_amounts() -> impl Strategy<Value = Amounts> {
    [0..40_u64, 0..40, 0..40]
}

/// A limit; each amount of it may be unlimited.
pub(crate) fn some_limit(highest: u64) -> impl Strategy<Value = Amounts> {
    let amount = || prop_oneof![8 => 0..highest, 1 => Just(u64::MAX)];
    [amount(), amount(), amount()]
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let index = any::<usize>;
    let used = prop_oneof![Just(Use::Less), Just(Use::Same), Just(Use::More)];
    prop_oneof![
        3 => (index(), some_limit(60)).prop_map(|(l, limit)| Op::Grant(l, limit)),
        5 => (index(), some_amounts()).prop_map(|(l, amount)| Op::Reserve(l, amount)),
        2 => index().prop_map(Op::Start),
        3 => (index(), used).prop_map(|(r, used)| Op::Settle(r, used)),
        2 => index().prop_map(Op::EndReservation),
        2 => index().prop_map(Op::DropLease),
        1 => (index(), some_amounts(), some_amounts(), any::<bool>()).prop_map(
            |(lease, limit, amount, start)| Op::PanicHolding { lease, limit, amount, start }
        ),
    ]
}

impl Model {
    pub(crate) fn root(&self) -> &Lease {
        self.leases[0].handle.as_ref().expect("the root is always held")
    }

    /// What all calls used.
    pub(crate) fn used(&self) -> Amounts {
        sum(self.reservations.iter().map(|r| r.used))
    }

    /// Lets go of everything but the root: children before their parents and the other way round,
    /// with reservations in between.
    pub(crate) fn drop_all(&mut self) -> Result<(), TestCaseError> {
        let leases = self.leases.len();
        for index in (1..leases).step_by(2).chain((1..leases).rev()) {
            self.leases[index].handle = None;
            self.apply(&Op::EndReservation(index))?;
        }
        while self.open_reservation(0).is_some() {
            self.apply(&Op::EndReservation(0))?;
        }
        Ok(())
    }

    fn lease(&self, index: usize) -> usize {
        let held: Vec<_> =
            (0..self.leases.len()).filter(|&l| self.leases[l].handle.is_some()).collect();
        // The root is always held.
        held[index % held.len()]
    }

    fn open_reservation(&mut self, index: usize) -> Option<&mut ModelReservation> {
        let mut open: Vec<_> =
            self.reservations.iter_mut().filter(|r| r.handle.is_some()).collect();
        if open.is_empty() {
            return None;
        }
        let index = index % open.len();
        Some(open.swap_remove(index))
    }

    fn fits(&self, lease: usize, amount: Amounts) -> bool {
        let remaining = self.remaining(lease);
        (0..3).all(|i| amount[i] <= remaining[i])
    }

    pub(crate) fn apply(&mut self, op: &Op) -> Result<(), TestCaseError> {
        match *op {
            Op::Grant(at, limit) => {
                let parent = self.lease(at);
                let real = self.leases[parent].handle.as_ref().expect("it is held");
                let granted = real.grant(budget(limit));
                prop_assert_eq!(granted.is_ok(), self.fits(parent, limit));
                if let Ok(lease) = granted {
                    self.leases.push(ModelLease {
                        parent: Some(parent),
                        limit,
                        handle: Some(lease),
                    });
                }
            }
            Op::Reserve(at, amount) => {
                let lease = self.lease(at);
                let real = self.leases[lease].handle.as_ref().expect("it is held");
                let reserved = real.reserve(budget(amount));
                prop_assert_eq!(reserved.is_ok(), self.fits(lease, amount));
                match reserved {
                    Ok(handle) => self.reservations.push(ModelReservation {
                        lease,
                        amount,
                        started: false,
                        handle: Some(handle),
                        used: [0; 3],
                    }),
                    Err(error) => {
                        prop_assert_eq!(amounts(error.asked), amount);
                        prop_assert_eq!(amounts(error.remaining), self.remaining(lease));
                    }
                }
            }
            Op::Start(at) => {
                if let Some(reservation) = self.open_reservation(at) {
                    reservation.started = true;
                    reservation.handle.as_mut().expect("it is open").start();
                }
            }
            Op::Settle(at, used) => {
                if let Some(reservation) = self.open_reservation(at) {
                    reservation.used = used.of(reservation.amount);
                    let handle = reservation.handle.take().expect("it is open");
                    handle.settle(budget(reservation.used));
                }
            }
            Op::EndReservation(at) => {
                if let Some(reservation) = self.open_reservation(at) {
                    reservation.handle = None;
                    if reservation.started {
                        reservation.used = reservation.amount;
                    }
                }
            }
            Op::DropLease(at) => {
                let lease = self.lease(at);
                if lease != 0 {
                    self.leases[lease].handle = None;
                }
            }
            Op::PanicHolding { lease, limit, amount, start } => {
                let lease = self.lease(lease);
                let real = self.leases[lease].handle.clone().expect("it is held");
                let mut used = [0; 3];
                let panic = catch_unwind(AssertUnwindSafe(|| {
                    let child = real.grant(budget(limit));
                    let reservation = real.reserve(budget(amount));
                    let inner = child.as_ref().map(|child| child.reserve(budget(limit)));
                    if let Ok(mut reservation) = reservation {
                        if start {
                            reservation.start();
                            used = amount;
                        }
                        resume_unwind(Box::new((reservation.amount(), inner.is_ok())));
                    }
                }));
                if panic.is_err() {
                    // As if it had been reserved and dropped: the child and its reservation are gone.
                    self.reservations.push(ModelReservation {
                        lease,
                        amount,
                        started: start,
                        handle: None,
                        used,
                    });
                }
            }
        }
        Ok(())
    }
}
