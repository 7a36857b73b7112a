//! What a breaker does, as a pure function of what happens to it.

use std::collections::VecDeque;
use std::time::Duration;

use super::BreakerState;

/// When a breaker opens, for how long, and when it closes again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    pub(super) window: usize,
    pub(super) failures: usize,
    pub(super) open_for: Duration,
    pub(super) probes: usize,
}

/// How a call that was let through has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    Badly,
    /// It says nothing of the service.
    Neither,
}

/// A call that was let through. Calls of an earlier epoch say nothing of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    epoch: u64,
}

#[derive(Debug)]
pub(super) struct Machine {
    limits: Limits,
    epoch: u64,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Whether each of the last calls failed, the oldest first.
    Closed {
        last: VecDeque<bool>,
        failures: usize,
    },
    /// Until so long after the breaker was made.
    Open {
        until: Duration,
    },
    HalfOpen {
        in_flight: usize,
        well: usize,
    },
}

impl Phase {
    fn closed() -> Self {
        Self::Closed { last: VecDeque::new(), failures: 0 }
    }
}

impl Machine {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, epoch: 0, phase: Phase::closed() }
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Lets a call through, or says how long to wait before asking again.
    pub(super) fn call(&mut self, now: Duration) -> Result<Pass, Duration> {
        if let Phase::Open { until } = self.phase {
            let left = until.saturating_sub(now);
            if !left.is_zero() {
                return Err(left);
            }
            self.enter(Phase::HalfOpen { in_flight: 0, well: 0 });
        }
        if let Phase::HalfOpen { in_flight, well } = &mut self.phase {
            if *in_flight + *well >= self.limits.probes {
                // The probes in flight decide, and nobody knows when.
                return Err(Duration::ZERO);
            }
            *in_flight += 1;
        }
        Ok(Pass { epoch: self.epoch })
    }

    /// Takes note of how a call has ended.
    pub(super) fn end(&mut self, pass: Pass, ended: Ended, now: Duration) {
        if pass.epoch != self.epoch {
            return;
        }
        let Limits { window, failures: most, open_for, probes } = self.limits;
        let next = match &mut self.phase {
            Phase::Closed { last, failures } => {
                let failed = match ended {
                    Ended::Well => false,
                    Ended::Badly => true,
                    Ended::Neither => return,
                };
                last.push_back(failed);
                *failures += usize::from(failed);
                if last.len() > window && last.pop_front() == Some(true) {
                    *failures -= 1;
                }
                (*failures >= most).then(|| Phase::Open { until: now.saturating_add(open_for) })
            }
            Phase::HalfOpen { in_flight, well } => {
                *in_flight -= 1;
                *well += usize::from(ended == Ended::Well);
                match ended {
                    Ended::Badly => Some(Phase::Open { until: now.saturating_add(open_for) }),
                    _ if *well >= probes => Some(Phase::closed()),
                    _ => None,
                }
            }
            // The epoch of the call is over once the breaker opens.
            Phase::Open { .. } => None,
        };
        if let Some(next) = next {
            self.enter(next);
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.epoch += 1;
        self.phase = phase;
    }
}
