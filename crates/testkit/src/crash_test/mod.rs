//! A host's own agent, crashed wherever it can be.

#[cfg(feature = "proptest")]
mod generated;
mod host;
mod report;
mod schedule;
mod search;

use std::fmt;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use maniple_core::{BaseAgent, Key, RunBuilder};
use serde_json::Value;

#[cfg(feature = "proptest")]
pub use generated::GeneratedCrashTest;
pub use report::{Examined, Failure, Level, Report, Wrong};
pub use schedule::{CrashPoint, CrashSchedule, Crashed};

use crate::clock::Clock;
use crate::world::{Process, World};
use host::Host;
use search::Search;

/// Crashes an agent at every record of its journal, in every [`Moment`](crate::Moment), resumes it, and
/// compares how it ends with how it ends uncrashed.
///
/// The closure builds the agent for one process of the run. What has an effect in the agent says so to
/// the [`Process`], which notices what happens twice; what stands outside of the run, such as a
/// [`ScriptedAgent`](crate::ScriptedAgent), is [kept in the world](World::keep).
///
/// Each run must end as the uncrashed one did, with output, or class and text of the error, alike; or
/// parked, where a reversible or irreversible step is in doubt and no reconciler answers for it. No
/// finished step runs again, no reversible or irreversible effect happens twice, no task outlives its
/// run, and every process ends. As a host would, the test executes a run again that has not ended for
/// good: after a crash, and up to eight times after a failure that is transient or indeterminate, a
/// panic, or a cancellation.
///
/// # Cost
/// An uncrashed run of n records and each of them crashed in three moments are 1 + 3n runs. A second
/// crash adds to each of these 3 for every record that the resumed run writes, at most about (3n)² in
/// all. Above [a thousand runs](Self::with_runs) they are sampled, and [`Examined`] says how many of how
/// many were tried. A failure may take another thousand to be made small.
///
/// ```
/// use maniple_core::{Effect, agent_fn};
/// use maniple_testkit::{CrashTest, Moment, Process};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let pays = |process: Process| {
///     agent_fn("order", move |item: String, cx| {
///         let process = process.clone();
///         async move {
///             cx.step("pay", Effect::Idempotent, item, |item, step| async move {
///                 process.perform(&step, || Ok(item.len())).await
///             })
///             .await
///         }
///     })
/// };
/// let test = CrashTest::new(pays).with_input("lamp".to_owned()).with_seed(7).with_crashes(2);
/// let examined = test.run().await.unwrap();
/// // The start of the run, intent and receipt of the step, the end of the run.
/// assert_eq!(examined.records, 4);
/// assert!(examined.is_complete());
/// # }
/// ```
pub struct CrashTest<B, I = ()> {
    build: B,
    input: I,
    crashes: usize,
    runs: usize,
    host: Host,
}

impl<B> CrashTest<B> {
    /// Tests the agents that this builds, one for each process, with `()` as the input. The seed is 0
    /// and there is one crash in each run.
    pub fn new<A>(build: B) -> Self
    where
        A: BaseAgent,
        B: Fn(Process) -> A,
    {
        let host = Host {
            seed: 0,
            patience: Duration::from_secs(24 * 3600),
            configure: Arc::new(|run, _| run),
            answer: None,
        };
        Self { build, input: (), crashes: 1, runs: 1000, host }
    }

    /// Gives the agent this input.
    pub fn with_input<I>(self, input: I) -> CrashTest<B, I> {
        let Self { build, input: (), crashes, runs, host } = self;
        CrashTest { build, input, crashes, runs, host }
    }

    /// Gives the agent inputs that this strategy makes, sixteen by default.
    #[cfg(feature = "proptest")]
    pub fn with_inputs<S: proptest::strategy::Strategy>(
        self,
        inputs: S,
    ) -> GeneratedCrashTest<B, S> {
        GeneratedCrashTest::new(self, inputs)
    }
}

impl<B, I> CrashTest<B, I> {
    /// Decides the interleavings, and what is tried where not all is. 0 by default.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.host.seed = seed;
        self
    }

    /// Up to so many crashes in a run, one after the other. 1 by default.
    pub fn with_crashes(mut self, crashes: usize) -> Self {
        self.crashes = crashes;
        self
    }

    /// At most so many runs for each input, with the uncrashed one. 1000 by default.
    pub fn with_runs(mut self, runs: usize) -> Self {
        self.runs = runs;
        self
    }

    /// Opens every run with this, such as a budget, or a reconciler that asks the
    /// [world](World::reconciler). The journal is that of the test.
    pub fn with_run(
        mut self,
        configure: impl Fn(RunBuilder, &World) -> RunBuilder + Send + Sync + 'static,
    ) -> Self {
        self.host.configure = Arc::new(configure);
        self
    }

    /// Delivers an answer to every signal that the run waits for, and goes on. Without one, waiting for
    /// a signal is how the run ends.
    pub fn with_answers(mut self, answer: impl Fn(&Key) -> Value + Send + Sync + 'static) -> Self {
        self.host.answer = Some(Arc::new(answer));
        self
    }

    /// How long a process may run, in simulated time, before it counts as one that never ends. A day by
    /// default; at least two hours, because a process that loses its records goes on for one.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.host.patience = patience.max(Duration::from_secs(2 * 3600));
        self
    }

    /// Runs the test. It needs a current-thread runtime with paused time, in which nothing else runs.
    ///
    /// # Errors
    /// The first [`Failure`] that is found, made small.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing outlives a dropped test but what the agent leaks.
    pub async fn run<A>(&self) -> Result<Examined, Failure>
    where
        A: BaseAgent<Input = I>,
        I: Clone + Debug,
        A::Output: Debug + PartialEq,
        B: Fn(Process) -> A,
    {
        self.check_clock(&self.input)?;
        self.search(&self.input).search(self.crashes, self.runs).await
    }

    /// Runs the agent uncrashed and with these crashes, as a [`Failure`] names them. Where the run ends
    /// before it comes to one of them, [`Examined::crashes`] is less than there are.
    ///
    /// # Errors
    /// The [`Failure`], as it is.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing outlives a dropped test but what the agent leaks.
    pub async fn replay<A>(&self, schedule: &CrashSchedule) -> Result<Examined, Failure>
    where
        A: BaseAgent<Input = I>,
        I: Clone + Debug,
        A::Output: Debug + PartialEq,
        B: Fn(Process) -> A,
    {
        self.check_clock(&self.input)?;
        self.search(&self.input).replay(schedule).await
    }
}

impl<B, I> CrashTest<B, I> {
    fn search<'a, A>(&'a self, input: &'a A::Input) -> Search<'a, A, B>
    where
        A: BaseAgent,
        B: Fn(Process) -> A,
    {
        Search { host: &self.host, build: &self.build, input }
    }

    fn check_clock(&self, input: &impl Debug) -> Result<(), Failure> {
        match Clock::of_this_runtime() {
            Clock::Paused => Ok(()),
            Clock::Running => Err(self.untried(Wrong::ClockRuns, format!("{input:?}"))),
        }
    }

    /// Something is wrong with the test itself.
    fn untried(&self, wrong: Wrong, input: String) -> Failure {
        Failure::new(Report {
            wrong,
            schedule: CrashSchedule::default(),
            crashed: Vec::new(),
            input,
            seed: self.host.seed,
            journal: Vec::new(),
            examined: Examined::default(),
            shrunk_in: 0,
        })
    }
}

impl<B, I: Debug> fmt::Debug for CrashTest<B, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashTest")
            .field("input", &self.input)
            .field("seed", &self.host.seed)
            .field("crashes", &self.crashes)
            .field("runs", &self.runs)
            .finish_non_exhaustive()
    }
}
