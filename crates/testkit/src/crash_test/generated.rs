use std::fmt;
use std::fmt::Debug;

use maniple_core::BaseAgent;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::CrashTest;
use super::report::{Examined, Failure, Wrong};
use super::search::is_alike;
use crate::random::Random;
use crate::world::Process;

/// How often an input is made smaller at most.
const SIMPLER: usize = 256;

/// A [`CrashTest`] over the inputs of a strategy; made by
/// [`with_inputs`](CrashTest::with_inputs).
///
/// A failure is first made small in its crashes, then in its input, and then, with the simplest input
/// that fails too, in its crashes again. The seed decides the inputs.
///
/// ```
/// use maniple_core::{Effect, agent_fn};
/// use maniple_testkit::{CrashTest, Process};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// // It counts in memory, from 5 on, which the next process has forgotten.
/// let forgetful = |process: Process| {
///     agent_fn("count", move |n: u64, cx| {
///         let process = process.clone();
///         async move {
///             let n = cx.step("pay", Effect::Pure, n, |n, _| async move { Ok(n) }).await?;
///             Ok(if n < 5 { n } else { n + process.number() })
///         }
///     })
/// };
/// let failure = CrashTest::new(forgetful).with_inputs(0..1000_u64).run().await.unwrap_err();
/// assert_eq!(failure.input, "5");
/// assert_eq!(failure.schedule.to_string(), "CrashSchedule::new([(0, Moment::Before)])");
/// # }
/// ```
pub struct GeneratedCrashTest<B, S> {
    test: CrashTest<B>,
    inputs: S,
    cases: usize,
}

impl<B, S: Strategy> GeneratedCrashTest<B, S> {
    pub(super) fn new(test: CrashTest<B>, inputs: S) -> Self {
        Self { test, inputs, cases: 16 }
    }

    /// How many inputs are tried. 16 by default.
    pub fn with_cases(mut self, cases: usize) -> Self {
        self.cases = cases;
        self
    }

    /// Runs the test for each input. It needs what [`CrashTest::run`] needs.
    ///
    /// # Errors
    /// The first [`Failure`] that is found, made small.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing outlives a dropped test but what the agent leaks.
    pub async fn run<A>(&self) -> Result<Examined, Failure>
    where
        S: Strategy<Value = A::Input>,
        A: BaseAgent,
        A::Input: Clone + Debug,
        A::Output: Debug + PartialEq,
        B: Fn(Process) -> A,
    {
        let CrashTest { crashes, runs, .. } = self.test;
        self.test.check_clock(&self.inputs)?;
        let mut runner = self.runner();
        let mut examined = Examined::default();
        for _ in 0..self.cases {
            let mut tree = self.inputs.new_tree(&mut runner).map_err(|reason| {
                let reason = reason.to_string();
                self.test.untried(Wrong::NoInput { reason }, format!("{:?}", self.inputs))
            })?;
            let input = tree.current();
            match self.test.search(&input).search(crashes, runs).await {
                Ok(more) => examined.add(&more),
                Err(failure) => {
                    let mut failure = self.simplify(&mut tree, failure).await;
                    examined.add(&failure.examined);
                    failure.report_mut().examined = examined;
                    return Err(failure);
                }
            }
        }
        Ok(examined)
    }

    /// Makes the input simpler while it fails, and takes back what went too far.
    async fn simplify<A>(
        &self,
        tree: &mut impl ValueTree<Value = A::Input>,
        mut failure: Failure,
    ) -> Failure
    where
        A: BaseAgent,
        A::Input: Clone + Debug,
        A::Output: Debug + PartialEq,
        B: Fn(Process) -> A,
    {
        let (mut shrunk_in, examined) = (failure.shrunk_in, failure.examined.clone());
        let mut simplest = None;
        let mut is_other = tree.simplify();
        for _ in 0..SIMPLER {
            if !is_other {
                break;
            }
            let input = tree.current();
            let search = self.test.search::<A>(&input);
            // Mostly the same crashes do.
            let again = match search.replay(&failure.schedule).await {
                Err(again) => Err(again),
                Ok(_) => search.search(self.test.crashes, self.test.runs).await,
            };
            is_other = match again {
                Err(simpler) if is_alike(&simpler.wrong, &failure.wrong) => {
                    shrunk_in += simpler.examined.runs + simpler.shrunk_in;
                    failure = simpler;
                    simplest = Some(input);
                    tree.simplify()
                }
                Ok(more) => {
                    shrunk_in += more.runs;
                    tree.complicate()
                }
                Err(other) => {
                    shrunk_in += other.examined.runs + other.shrunk_in;
                    tree.complicate()
                }
            };
        }
        // Of the simplest input, fewer or earlier crashes may do.
        if let Some(input) = simplest {
            let search = self.test.search::<A>(&input);
            if let Err(smaller) = search.replay_and_shrink(&failure.schedule).await {
                shrunk_in += smaller.examined.runs + smaller.shrunk_in;
                failure = smaller;
            }
        }
        let report = failure.report_mut();
        (report.shrunk_in, report.examined) = (shrunk_in, examined);
        failure
    }

    fn runner(&self) -> TestRunner {
        let mut random = Random::new(self.test.host.seed);
        let seed: Vec<u8> = (0..4).flat_map(|_| random.number().to_le_bytes()).collect();
        let config = Config { failure_persistence: None, ..Config::default() };
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
    }
}

impl<B, S: Debug> Debug for GeneratedCrashTest<B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeneratedCrashTest")
            .field("test", &self.test)
            .field("inputs", &self.inputs)
            .field("cases", &self.cases)
            .finish()
    }
}
