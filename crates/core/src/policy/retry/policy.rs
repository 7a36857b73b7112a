use std::num::NonZeroU32;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::attempts::Schedule;
use crate::error::Class;

/// Nobody waits for longer than this between two attempts.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How often, after how long, and after which failures an agent is tried again.
///
/// The wait after the n-th failed attempt is `shortest × factor^(n−1)` and at most `longest`; with
/// jitter, which is on, it is up to twice that, and still at most `longest`. What is drawn for an
/// attempt depends on the run, the place and the attempt alone: it differs between runs and is the
/// same on a resume. Where a failure says [how long to wait](crate::AgentError::transient_for), as a
/// [`Rejected`](crate::policy::Rejected) call of a breaker does, the wait is at least that.
///
/// | policy | attempts | shortest | longest |
/// | --- | --- | --- | --- |
/// | [`network`](Self::network) | 5 | 200 ms | 10 s |
/// | [`filesystem`](Self::filesystem) | 3 | 20 ms | 500 ms |
/// | [`git`](Self::git) | 4 | 250 ms | 5 s |
/// | [`subprocess`](Self::subprocess) | 3 | 500 ms | 5 s |
/// | [`api`](Self::api) | 6 | 1 s | 60 s |
///
/// All of them have the factor 2. What follows a failure is decided by its [`Class`]: a
/// [transient](Class::Transient) one and a [timeout](Class::DeadlineExceeded) of the attempt are tried
/// again, the others stop the attempts, unless the policy says otherwise. `Cancelled`, `Suspended`,
/// `Parked`, `Diverged`, `Permanent` and `BudgetExhausted` always do.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
/// use maniple_core::policy::RetryPolicy;
///
/// let policy = RetryPolicy::api()
///     .with_max_attempts(NonZeroU32::new(3).unwrap())
///     .with_longest_wait(Duration::from_secs(20))
///     .on_panics();
/// assert_eq!(policy.max_attempts().get(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    max_attempts: NonZeroU32,
    shortest: Duration,
    longest: Duration,
    factor: u16,
    jitter: bool,
    after: Reasons,
}

/// What is tried again besides transient failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reasons {
    timeouts: bool,
    indeterminate: bool,
    panics: bool,
}

impl RetryPolicy {
    /// So many attempts in all, the first one included, with waits from 100 ms to 10 s.
    pub const fn new(max_attempts: NonZeroU32) -> Self {
        Self {
            max_attempts,
            shortest: Duration::from_millis(100),
            longest: Duration::from_secs(10),
            factor: 2,
            jitter: true,
            after: Reasons { timeouts: true, indeterminate: false, panics: false },
        }
    }

    const fn preset(attempts: u32, shortest: u64, longest: u64) -> Self {
        let attempts = NonZeroU32::new(attempts).expect("a preset makes an attempt");
        Self::new(attempts)
            .with_shortest_wait(Duration::from_millis(shortest))
            .with_longest_wait(Duration::from_millis(longest))
    }

    /// For a connection that may be lost: most losses are short.
    pub const fn network() -> Self {
        Self::preset(5, 200, 10_000)
    }

    /// For a file that somebody else holds for a moment.
    pub const fn filesystem() -> Self {
        Self::preset(3, 20, 500)
    }

    /// For a repository that is locked by another command.
    pub const fn git() -> Self {
        Self::preset(4, 250, 5_000)
    }

    /// For a program that is started anew.
    pub const fn subprocess() -> Self {
        Self::preset(3, 500, 5_000)
    }

    /// For a service that limits its callers or is overloaded: it is given time.
    pub const fn api() -> Self {
        Self::preset(6, 1_000, 60_000)
    }

    /// How many attempts there are in all, the first one included.
    pub const fn with_max_attempts(mut self, attempts: NonZeroU32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// How long to wait after the first failed attempt.
    pub const fn with_shortest_wait(mut self, wait: Duration) -> Self {
        self.shortest = wait;
        self
    }

    /// What no wait exceeds, jitter included; at most a day.
    pub const fn with_longest_wait(mut self, wait: Duration) -> Self {
        self.longest = wait;
        self
    }

    /// By how much each wait is longer than the one before; 0 counts as 1.
    pub const fn with_factor(mut self, factor: u16) -> Self {
        self.factor = factor;
        self
    }

    /// Waits for exactly as long as the factor says: callers that failed together then come back
    /// together.
    pub const fn without_jitter(mut self) -> Self {
        self.jitter = false;
        self
    }

    /// Stops where an attempt has run out of its own time, such as that of a
    /// [timeout](crate::AgentExt::with_timeout) inside the retry.
    pub const fn stop_on_timeouts(mut self) -> Self {
        self.after.timeouts = false;
        self
    }

    /// Tries again where it is not known whether the effect happened. A step that is in doubt is
    /// treated as after a crash: it runs again where its effect allows that, and is put to the run's
    /// reconciler otherwise.
    pub const fn on_indeterminate(mut self) -> Self {
        self.after.indeterminate = true;
        self
    }

    /// Tries again where the agent panicked. Steps in doubt are treated as after a crash.
    pub const fn on_panics(mut self) -> Self {
        self.after.panics = true;
        self
    }

    /// How many attempts there are in all.
    pub const fn max_attempts(&self) -> NonZeroU32 {
        self.max_attempts
    }
}

impl Schedule for RetryPolicy {
    fn retries(&self, class: Class) -> bool {
        match class {
            Class::Transient => true,
            Class::DeadlineExceeded => self.after.timeouts,
            Class::Indeterminate => self.after.indeterminate,
            Class::Panicked => self.after.panics,
            Class::Permanent
            | Class::Cancelled
            | Class::BudgetExhausted
            | Class::Suspended
            | Class::Parked
            | Class::Diverged => false,
        }
    }

    fn wait(&self, attempt: u32, seed: impl FnOnce() -> u64) -> Option<Duration> {
        if attempt >= self.max_attempts.get() {
            return None;
        }
        let longest = self.longest.min(LONGEST);
        let mut waits = ExponentialBuilder::new()
            .with_min_delay(self.shortest.min(longest))
            .with_max_delay(longest)
            .with_factor(f32::from(self.factor.max(1)))
            .without_max_times();
        if self.jitter {
            waits = waits.with_jitter().with_jitter_seed(seed());
        }
        // The longest wait is reached long before so many.
        let nth = usize::try_from(attempt - 1).map_or(MOST, |nth| nth.min(MOST));
        waits.build().nth(nth).map(|wait| wait.min(longest))
    }
}

/// After so many doublings of a nanosecond a day has passed. A wait that does not grow is what it was.
const MOST: usize = 64;
