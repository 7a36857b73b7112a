use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use maniple_core::{Key, Record};

use super::schedule::{CrashSchedule, Crashed, What};
use crate::leak::Leak;
use crate::world::Violation;

/// What a [`CrashTest`](super::CrashTest) has looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Examined {
    /// Inputs that were tried.
    pub inputs: usize,
    /// Records of the uncrashed run; of the longest one, where there are many inputs.
    pub records: usize,
    /// Runs, the uncrashed ones among them.
    pub runs: usize,
    /// Processes that died.
    pub crashes: usize,
    /// Runs that ended parked, because a step in doubt had no answer.
    pub parked: usize,
    /// What was tried of the runs with one crash, with two, and so on.
    pub levels: Vec<Level>,
}

/// What was tried of the runs with as many crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Level {
    /// The crashes that could follow the runs that were tried with one crash less.
    pub possible: usize,
    /// How many of them were tried; where they are fewer, the seed has chosen them.
    pub tried: usize,
}

impl Examined {
    /// Whether nothing was left out.
    pub fn is_complete(&self) -> bool {
        self.levels.iter().all(|level| level.tried == level.possible)
    }

    /// Adds what was looked at for another input.
    #[cfg(feature = "proptest")]
    pub(super) fn add(&mut self, other: &Self) {
        self.inputs += other.inputs;
        self.records = self.records.max(other.records);
        self.runs += other.runs;
        self.crashes += other.crashes;
        self.parked += other.parked;
        let more = other.levels.len().saturating_sub(self.levels.len());
        self.levels.extend(std::iter::repeat_n(Level::default(), more));
        for (level, other) in self.levels.iter_mut().zip(&other.levels) {
            level.possible += other.possible;
            level.tried += other.tried;
        }
    }
}

impl fmt::Display for Examined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Tried(self))?;
        if self.is_complete() { Ok(()) } else { f.write_str("; the rest was left out") }
    }
}

/// What was tried, without a word on what was not.
struct Tried<'a>(&'a Examined);

impl fmt::Display for Tried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Examined { records, runs, levels, .. } = self.0;
        write!(f, "{records} records, {runs} runs")?;
        for (crashes, Level { possible, tried }) in (1..).zip(levels) {
            let s = if crashes == 1 { "" } else { "es" };
            write!(f, "; {tried} of {possible} ways to have {crashes} crash{s}")?;
        }
        Ok(())
    }
}

/// What is wrong with a run that was crashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Wrong {
    /// It ended in another way than the uncrashed one.
    #[error("it ended otherwise than the uncrashed run")]
    Differs {
        /// How the uncrashed run ended, in its `Debug` form.
        expected: String,
        /// How this one did.
        found: String,
    },
    /// The world, or the journal, saw something that a rule forbids.
    #[error("{0}")]
    Forbidden(Violation),
    /// A reversible or irreversible step had its effect more than once, failures not counted.
    #[error("{key} may happen once and happened {times} times")]
    Repeated {
        /// The step.
        key: Key,
        /// How often it had its effect.
        times: usize,
    },
    /// A process left something behind.
    #[error("{0}")]
    Leaked(Leak),
    /// A process did not end.
    #[error("a process was still running after {patience:?} of simulated time")]
    NeverEnded {
        /// How long was waited.
        patience: Duration,
    },
    /// The run was resumed over and over, and did not end.
    #[error("the run had {processes} processes and did not end: each waited for another signal")]
    Unsettled {
        /// How many there were.
        processes: usize,
    },
    /// An answer could not be delivered.
    #[error("the answer to {signal} cannot be delivered: {reason}")]
    Undelivered {
        /// The signal.
        signal: Key,
        /// Why.
        reason: String,
    },
    /// The run wrote nothing where the test looks.
    #[error(
        "the run wrote no record to the journal of the test, so that nothing was crashed: `with_run` \
         must not give it another one"
    )]
    NotJournaled,
    /// The test runs where the clock is not paused, so that no run would be like another.
    #[error(
        "a crash test needs a current-thread runtime with paused time: #[tokio::test(start_paused = true)]"
    )]
    ClockRuns,
    /// The strategy gives no input.
    #[cfg(feature = "proptest")]
    #[error("the strategy gives no input: {reason}")]
    NoInput {
        /// The strategy's own words.
        reason: String,
    },
}

/// A run that ended wrong, made as small as it gets. `Debug` and `Display` are the same report, so that
/// `unwrap` shows it.
#[derive(Clone)]
pub struct Failure(Box<Report>);

/// What a [`Failure`] knows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// What is wrong.
    pub wrong: Wrong,
    /// The fewest crashes at the smallest places at which it still goes wrong in this way; none where
    /// the uncrashed run does.
    pub schedule: CrashSchedule,
    /// The crashes as they happened: the record that was being written, and its step.
    pub crashed: Vec<Crashed>,
    /// The input, in its `Debug` form.
    pub input: String,
    /// The seed.
    pub seed: u64,
    /// What the journal holds at the end of it.
    pub journal: Vec<Record>,
    /// What was looked at before it was found.
    pub examined: Examined,
    /// How many runs it took to make it small.
    pub shrunk_in: usize,
}

impl Failure {
    pub(super) fn new(report: Report) -> Self {
        Self(Box::new(report))
    }

    #[cfg(feature = "proptest")]
    pub(super) fn report_mut(&mut self) -> &mut Report {
        &mut self.0
    }
}

impl Deref for Failure {
    type Target = Report;

    fn deref(&self) -> &Report {
        &self.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { wrong, schedule, crashed, input, seed, journal, examined, shrunk_in } =
            &*self.0;
        writeln!(f, "{wrong}")?;
        if let Wrong::Differs { expected, found } = wrong {
            writeln!(f, "  expected: {expected}")?;
            writeln!(f, "  found:    {found}")?;
        }
        for (i, crashed) in crashed.iter().enumerate() {
            writeln!(f, "  crash {}:  {crashed}", i + 1)?;
        }
        writeln!(f, "  input:    {input}")?;
        writeln!(f, "  replay:   .with_seed({seed}).replay(&{schedule})")?;
        let json = serde_json::to_string(schedule).map_err(|_| fmt::Error)?;
        writeln!(f, "  as JSON:  {json}")?;
        writeln!(f, "  found in: {}; made small in {shrunk_in} more", Tried(examined))?;
        write!(f, "  journal:")?;
        for (place, record) in journal.iter().enumerate() {
            write!(f, "\n    {place}: {}", What(record))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Failure {}
