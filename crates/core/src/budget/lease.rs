use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Budget, Exhausted};

/// A share of a run's budget, carved out of its parent's share.
///
/// At every instant the sum of the grants of a lease's children, its reservations and what it has
/// spent is at most its limit, except by the overrun of calls that used more than they had reserved.
/// What a child did not use goes back when the last clone of its lease is dropped.
#[derive(Debug, Clone)]
pub struct Lease(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    parent: Option<Lease>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    limit: Budget,
    spent: Budget,
    reserved: Budget,
    /// The limits of the children that are alive.
    granted: Budget,
    /// What the journal says was used, by code that this process has not come by yet.
    held: Budget,
    /// What was spent at this place before, and is counted above already.
    base: Budget,
    /// What was carved out of the parent's share.
    share: Budget,
    /// Of what was spent above that, what the parent has been charged for already.
    passed_up: Budget,
    warned: bool,
}

impl State {
    fn remaining(&self) -> Budget {
        self.limit.minus(self.spent).minus(self.reserved).minus(self.granted).minus(self.held)
    }

    /// Returns by how much more this goes beyond the limit than before.
    fn charge(&mut self, used: Budget, make_room: impl FnOnce(&mut Self)) -> Budget {
        make_room(self);
        self.spent = self.spent.plus(used);
        let over = self.spent.minus(self.base).minus(self.share);
        let fresh = over.minus(self.passed_up);
        self.passed_up = over;
        fresh
    }
}

impl Lease {
    /// The lease of a whole run.
    pub(crate) fn root(limit: Budget, held: Budget) -> Self {
        Self::with(None, limit, limit, held, Budget::ZERO)
    }

    fn with(
        parent: Option<Self>,
        limit: Budget,
        share: Budget,
        held: Budget,
        base: Budget,
    ) -> Self {
        let zero = Budget::ZERO;
        let state = State {
            limit,
            spent: base,
            reserved: zero,
            granted: zero,
            held,
            base,
            share,
            passed_up: zero,
            warned: false,
        };
        Self(Arc::new(Shared { parent, state: Mutex::new(state) }))
    }

    /// Carves a child's share out of what remains.
    ///
    /// # Errors
    /// When less than `limit` remains.
    pub fn grant(&self, limit: Budget) -> Result<Self, Exhausted> {
        self.grant_at(limit, Budget::ZERO, Budget::ZERO)
    }

    /// As [`grant`](Self::grant), for a place that was used before: `counted` is what this lease has
    /// counted as spent there, and `held` what it holds for what was used there in earlier processes.
    /// Both are a part of the child's limit.
    pub(crate) fn grant_at(
        &self,
        limit: Budget,
        held: Budget,
        counted: Budget,
    ) -> Result<Self, Exhausted> {
        let mut state = self.0.lock();
        let moved = held.min(state.held);
        let remaining = state.remaining().plus(moved);
        let asked = limit.minus(counted);
        if !asked.fits_in(&remaining) {
            return Err(Exhausted { asked, remaining, limit: state.limit });
        }
        // Where more was used than the limit, the child accounts for all of that.
        let share = asked.max(moved);
        state.held = state.held.minus(moved);
        state.granted = state.granted.plus(share.finite());
        drop(state);
        Ok(Self::with(Some(self.clone()), limit, share, moved, counted))
    }

    /// Sets an amount aside for a call that is about to be made.
    ///
    /// # Errors
    /// When less than `amount` remains.
    pub fn reserve(&self, amount: Budget) -> Result<Reservation, Exhausted> {
        let mut state = self.0.lock();
        let remaining = state.remaining();
        if !amount.fits_in(&remaining) {
            return Err(Exhausted { asked: amount, remaining, limit: state.limit });
        }
        state.reserved = state.reserved.plus(amount);
        drop(state);
        Ok(Reservation { lease: self.clone(), amount, started: false })
    }

    /// What can still be reserved or granted.
    pub fn remaining(&self) -> Budget {
        self.0.lock().remaining()
    }

    /// What the lease began with.
    pub fn limit(&self) -> Budget {
        self.0.lock().limit
    }

    /// What was spent here and by children that have ended.
    pub fn spent(&self) -> Budget {
        self.0.lock().spent
    }

    /// The limits of all living children together.
    pub fn granted(&self) -> Budget {
        self.0.lock().granted
    }

    /// By how much more was spent than the limit: calls that used more than they had reserved.
    pub fn overrun(&self) -> Budget {
        let state = self.0.lock();
        state.spent.minus(state.limit)
    }

    /// Counts what the journal says was used, as the code that used it is come by.
    pub(crate) fn replay(&self, used: Budget) {
        if used.is_zero() {
            return;
        }
        self.spend(used, |state| state.held = state.held.minus(used));
    }

    #[cfg(feature = "broken")]
    pub(crate) fn forget(&self, used: Budget) {
        let mut state = self.0.lock();
        state.held = state.held.minus(used);
    }

    /// Whether four fifths of some amount are now used, the first time that this is so.
    pub(crate) fn runs_low(&self) -> bool {
        let mut state = self.0.lock();
        let low = state.limit.any(state.remaining(), |limit, remaining| {
            limit != u64::MAX && limit > 0 && remaining <= limit / 5
        });
        low && !std::mem::replace(&mut state.warned, true)
    }

    /// Counts `used` as spent, in one step with the change that makes room for it, and what goes
    /// beyond a limit at the leases above too.
    fn spend(&self, used: Budget, make_room: impl FnOnce(&mut State)) {
        let mut over = self.0.lock().charge(used, make_room);
        let mut above = self.0.parent.as_ref();
        while let Some(parent) = above
            && !over.is_zero()
        {
            over = parent.0.lock().charge(over, |_| ());
            above = parent.0.parent.as_ref();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let Some(parent) = &self.parent else { return };
        let state = *self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let used = state.spent.minus(state.base).minus(state.passed_up);
        parent.spend(used, |above| {
            above.granted = above.granted.minus(state.share.finite());
            above.held = above.held.plus(state.held);
        });
    }
}

/// An amount set aside for one call.
///
/// Dropped before [`start`](Self::start) it goes back; dropped after it, the call may have happened
/// and the whole amount counts as spent.
#[derive(Debug)]
pub struct Reservation {
    lease: Lease,
    amount: Budget,
    started: bool,
}

impl Reservation {
    /// The amount set aside.
    pub fn amount(&self) -> Budget {
        self.amount
    }

    /// Says that the call is being made from here on.
    pub fn start(&mut self) {
        self.started = true;
    }

    /// Replaces the amount by what was really used, which may be more.
    pub fn settle(mut self, used: Budget) {
        self.release(used);
        self.amount = Budget::ZERO;
    }

    fn release(&self, used: Budget) {
        self.lease.spend(used, |state| state.reserved = state.reserved.minus(self.amount));
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.amount.is_zero() {
            self.release(if self.started { self.amount } else { Budget::ZERO });
        }
    }
}
