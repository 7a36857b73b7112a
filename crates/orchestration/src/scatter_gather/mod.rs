//! The same request to many agents.

mod agreement;
mod answers;
mod best;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use maniple_core::{AgentError, BaseAgent, RunContext};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

pub use agreement::Agreement;
pub use best::Best;

use crate::fork_join::{BranchSet, Branches, Named};
use crate::partial::Partial;
use crate::parts::Parts;
use crate::policy::Tolerance;
use crate::report::{PatternReport, Reported};
use agreement::{Agree, agreement};
use answers::{Answers, Tell};
use best::best;

/// Sends the same request to many agents, and returns as soon as it is settled what they answer.
///
/// A responder is an agent with a name, and runs in the child of the pattern's context that its name
/// names. Two that are written alike are [`DuplicateKey`](crate::PatternError::DuplicateKey) when it
/// runs. Different agents become one type as [boxes](maniple_core::AgentExt::boxed), and the agents of
/// a plain list are named by their places: `(0..).zip(agents)`.
///
/// | asked for | returned | settled when |
/// | --- | --- | --- |
/// | all, by default | what each has answered | all have answered, or one has failed |
/// | the [first](Self::first) k | those answers | k have answered, or cannot any more |
/// | a [quorum](Self::quorum) of k | the [`Agreement`] | k agree, or cannot any more |
/// | a [majority](Self::majority) | the [`Agreement`] | more than half of all agree, or cannot any more |
/// | the [best](Self::best_by) | the [`Best`], and the others | all have ended |
/// | those [within](Self::within) a time | those answers | all have ended, the time and the grace are over, or too few can answer |
///
/// All but the first return a [`Partial`], which lists by name those that do not count. What still
/// runs when the outcome is settled is stopped and awaited.
///
/// | what a responder does | counts as |
/// | --- | --- |
/// | answers before it is settled | an answer |
/// | answers after it was settled, be it at the same instant | cancelled, whatever the answer |
/// | fails | failed, with why |
/// | panics | failed, as [`Panicked`](maniple_core::Class::Panicked) |
/// | answers twice | cannot be: it is one child, which ends once |
/// | waits for a signal | no failure: the others go on, and then the pattern waits, unless it is settled without it |
/// | never ends | cancelled, when the outcome is settled and the grace is over |
/// | was not begun | skipped |
///
/// A budget that was reserved for what was not begun goes back. Who counts where arrival or time decides
/// is journaled before anybody hears of it: after a resume the same count, whoever would answer first
/// then. What they have answered is journaled where the pattern is [durable](Self::durable).
///
/// ```
/// use std::time::Duration;
///
/// use maniple_core::{AgentError, AgentExt, Run, agent_fn};
/// use maniple_orchestration::ScatterGather;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let strict = agent_fn("strict", |claim: String, _cx| async move { Ok(claim.contains("because")) });
/// let lenient = agent_fn("lenient", |claim: String, _cx| async move { Ok(!claim.is_empty()) });
/// let asleep = agent_fn("asleep", |_: String, _cx| std::future::pending::<Result<bool, _>>());
///
/// let judges =
///     [("strict", strict.boxed()), ("lenient", lenient.boxed()), ("asleep", asleep.boxed())];
/// let verdict = ScatterGather::new("judges", judges).majority(|a, b| a == b);
/// // Two are enough, and whoever sleeps then is given no time to end.
/// let verdict = verdict.with_grace(Duration::ZERO);
///
/// let run = Run::builder("example").open().await?;
/// let verdict = run.execute(verdict, "it rains because the street is wet".into()).await?;
/// assert!(verdict.ok.answer);
/// assert_eq!(Vec::from_iter(verdict.ok.by), ["lenient", "strict"]);
/// assert_eq!(verdict.cancelled, ["asleep"]);
/// # Ok(())
/// # }
/// ```
pub struct ScatterGather<N, A, T = Answered<N, A>>
where
    N: Ord + Clone + fmt::Display + Send + Sync + 'static,
    A: BaseAgent<Input: Clone>,
{
    name: String,
    set: BranchSet<Named<N, A>>,
    tolerance: Tolerance,
    agree: Option<Arc<Agree<A::Output>>>,
    conclude: Box<Conclude<N, A, T>>,
}

/// What responders have answered, by name.
pub type Answered<N, A> = BTreeMap<N, <A as BaseAgent>::Output>;

/// Makes the result of the answers that count.
type Conclude<N, A, T> = dyn Fn(Partial<Answered<N, A>, N>) -> T + Send + Sync;

/// A scatter-gather that outlives failures: what is made of the answers is a [`Partial`].
pub type PartialGather<N, A, T> = ScatterGather<N, A, Partial<T, N>>;

/// Whoever asks for one answer is settled with one at least, or fails.
const ANSWERED: &str = "what asks for one answer fails where there is none";

impl<N, A> ScatterGather<N, A>
where
    N: Ord + Clone + fmt::Display + Send + Sync + 'static,
    A: BaseAgent<Input: Clone>,
{
    /// Asks every responder, and returns what each has answered. The first failure stops the others
    /// and is the pattern's.
    pub fn new(name: impl Into<String>, responders: impl IntoIterator<Item = (N, A)>) -> Self {
        let mut responders: Vec<(N, A)> = responders.into_iter().collect();
        responders.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self {
            name: name.into(),
            set: BranchSet::new(Named::new(responders)),
            tolerance: Tolerance::FailFast,
            agree: None,
            conclude: Box::new(|answers| answers.ok),
        }
    }

    /// Is content with the answers of those that are first to give one, so many of them; 0 counts as 1.
    ///
    /// Too few answers are the error [`TooFew`](crate::PatternError::TooFew), at once where there are
    /// fewer responders.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    ///
    /// use maniple_core::{AgentError, Run, agent_fn};
    /// use maniple_orchestration::ScatterGather;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), AgentError> {
    /// let mirror = |is_up: bool| {
    ///     agent_fn("mirror", move |path: String, _cx| async move {
    ///         if is_up { Ok(format!("<{path}>")) } else { Err(AgentError::transient("down")) }
    ///     })
    /// };
    /// let mirrors = [("east", mirror(false)), ("west", mirror(true))];
    /// let fetch = ScatterGather::new("fetch", mirrors).first(1);
    ///
    /// let run = Run::builder("example").open().await?;
    /// let fetched = run.execute(fetch, "index".into()).await?;
    /// assert_eq!(fetched.ok, BTreeMap::from([("west", "<index>".into())]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn first(self, answers: usize) -> PartialGather<N, A, Answered<N, A>> {
        self.ask_for(Tolerance::Quorum(answers.max(1)), None, |answers| answers)
    }

    /// Asks for an answer that so many agree in; 0 counts as 1. `agree` is the host's notion of that:
    /// an equivalence, so that who agrees with whom depends on no order.
    ///
    /// It is settled when so many agree, and when so many cannot agree any more, which is the error
    /// [`NoAgreement`](crate::PatternError::NoAgreement).
    pub fn quorum(
        self,
        answers: usize,
        agree: impl Fn(&A::Output, &A::Output) -> bool + Send + Sync + 'static,
    ) -> PartialGather<N, A, Agreement<A::Output, N>> {
        let agree: Arc<Agree<A::Output>> = Arc::new(agree);
        let agrees = agree.clone();
        self.ask_for(Tolerance::Agreement(answers.max(1)), Some(agree), move |answers| {
            answers.map(|answers| agreement(answers, &*agrees))
        })
    }

    /// Asks for an answer that more than half of all responders agree in, those included that fail; a
    /// [quorum](Self::quorum) of so many.
    pub fn majority(
        self,
        agree: impl Fn(&A::Output, &A::Output) -> bool + Send + Sync + 'static,
    ) -> PartialGather<N, A, Agreement<A::Output, N>> {
        let more_than_half = self.set.branches().count() / 2 + 1;
        self.quorum(more_than_half, agree)
    }

    /// Asks for the answer with the highest score; of equal ones it is the first by name, and what is
    /// not a number is worse than any. It waits for all, also for those that wait for a signal.
    ///
    /// Where nobody answers, that is the error [`TooFew`](crate::PatternError::TooFew).
    ///
    /// ```
    /// use maniple_core::{AgentError, Run, agent_fn};
    /// use maniple_orchestration::ScatterGather;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), AgentError> {
    /// let draft = |words: usize| {
    ///     agent_fn("draft", move |word: String, _cx| async move { Ok(vec![word; words].join(" ")) })
    /// };
    /// let drafts = ScatterGather::new("drafts", (1..=3).map(|words| (words, draft(words))));
    /// // The nearest to ten letters.
    /// let best = drafts.best_by(|text| -(text.len() as f64 - 10.0).abs());
    ///
    /// let run = Run::builder("example").open().await?;
    /// let best = run.execute(best, "word".into()).await?.ok;
    /// assert_eq!((best.by, best.answer.as_str(), best.score), (2, "word word", -1.0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn best_by(
        self,
        score: impl Fn(&A::Output) -> f64 + Send + Sync + 'static,
    ) -> PartialGather<N, A, Best<A::Output, N>> {
        self.ask_for(Tolerance::Best, None, move |answers| {
            answers.map(|answers| best(answers, &score))
        })
    }

    /// Is content with what is answered in so much working time, if that is at least `least` answers.
    /// When the time is up, those that still run are asked to stop; what they answer within the
    /// [grace](Self::with_grace) counts. With so many answers it waits for no signal.
    ///
    /// Fewer are the error [`TooFew`](crate::PatternError::TooFew), of the class
    /// [`DeadlineExceeded`](maniple_core::Class::DeadlineExceeded) where it was the time that lacked. It
    /// ends before its time where all have ended, or so many cannot answer any more.
    ///
    /// The time is journaled when the pattern starts, and counts over all processes. One that comes by
    /// when it is up and nothing was settled takes in who had answered; nobody else begins.
    pub fn within(self, working: Duration, least: usize) -> PartialGather<N, A, Answered<N, A>> {
        self.ask_for(Tolerance::Within { least, after: working }, None, |answers| answers)
    }

    fn ask_for<T>(
        self,
        tolerance: Tolerance,
        agree: Option<Arc<Agree<A::Output>>>,
        conclude: impl Fn(Partial<Answered<N, A>, N>) -> T + Send + Sync + 'static,
    ) -> ScatterGather<N, A, T> {
        let conclude = Box::new(conclude);
        ScatterGather { name: self.name, set: self.set, tolerance, agree, conclude }
    }
}

impl<N, A, T> ScatterGather<N, A, T>
where
    N: Ord + Clone + fmt::Display + Send + Sync + 'static,
    A: BaseAgent<Input: Clone>,
    T: Send + 'static,
{
    /// How many responders run at the same time; all of them by default, and 0 counts as 1.
    ///
    /// Where arrival decides, the next one by name begins when it is known that the end of another has
    /// settled nothing: one at a time, nobody is asked in vain.
    pub fn with_concurrency(mut self, limit: usize) -> Self {
        self.set = self.set.with_concurrency(limit);
        self
    }

    /// How long responders that are stopped may take to end before they are aborted; 5 seconds by
    /// default.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.set = self.set.with_grace(grace);
        self
    }

    /// Journals what each responder answers. A run that is opened again takes those answers from the
    /// journal and asks the others. Who is asked and for what is recorded too: on resume a change
    /// of it is [`Diverged`](AgentError::Diverged).
    ///
    /// What cannot be journaled does not compile:
    ///
    /// ```compile_fail,E0277
    /// use maniple_core::agent_fn;
    /// use maniple_orchestration::ScatterGather;
    ///
    /// struct Opaque;
    /// let agent = agent_fn("agent", |_: u64, _cx| async move { Ok(Opaque) });
    /// ScatterGather::new("gather", [("one", agent)]).durable();
    /// ```
    pub fn durable(mut self) -> Self
    where
        A::Input: Serialize,
        A::Output: Serialize + DeserializeOwned,
    {
        self.set = self.set.durable();
        self
    }

    /// As [`run`](BaseAgent::run), with what was measured.
    ///
    /// # Cancel safety
    /// Dropping it stops the responders that run; see [`maniple_core::Scope`].
    pub async fn run_reported(&self, input: A::Input, cx: &RunContext) -> Reported<T> {
        self.drive(input, cx, None).await
    }

    /// Runs as its parts are asked for: each answer that counts, as it arrives, and the result at the
    /// end.
    ///
    /// ```
    /// use futures::StreamExt;
    /// use maniple_core::{AgentError, Run, agent_fn};
    /// use maniple_orchestration::{Part, ScatterGather};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), AgentError> {
    /// let times = |by: u64| agent_fn("times", move |n: u64, _cx| async move { Ok(by * n) });
    /// let gather = ScatterGather::new("gather", [("once", times(1)), ("twice", times(2))]);
    /// let run = Run::builder("example").open().await?;
    /// let cx = run.context().child("gather");
    /// let mut parts = gather.parts(10, &cx);
    /// while let Some(part) = parts.next().await {
    ///     match part {
    ///         Part::Output { key, output } => println!("{key} says {output}"),
    ///         Part::Settled(reported) => assert_eq!(reported.result?.len(), 2),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn parts<'a>(&'a self, input: A::Input, cx: &'a RunContext) -> Parts<'a, A::Output, T, N>
    where
        A::Output: Clone,
    {
        Parts::new(move |arrived| async move {
            let name = |index| self.set.branches().key(index);
            let tell = |index, output: &A::Output| arrived.push(name(index), output.clone());
            self.drive(input, cx, Some(&tell)).await
        })
    }

    async fn drive(
        &self,
        input: A::Input,
        cx: &RunContext,
        tell: Option<Tell<'_, A::Output>>,
    ) -> Reported<T> {
        let began = Instant::now();
        let mut report = PatternReport::default();
        let result = self.gather(input, cx, tell, &mut report).await;
        report.wall = began.elapsed();
        Reported { result, report }
    }

    async fn gather(
        &self,
        input: A::Input,
        cx: &RunContext,
        tell: Option<Tell<'_, A::Output>>,
        report: &mut PatternReport,
    ) -> Result<T, AgentError> {
        let responders = self.set.branches();
        let (count, agree) = (responders.count(), self.agree.as_deref());
        let mut answers = Answers::new(count, self.tolerance, agree, tell);
        let rest =
            self.set.drive("scatter-gather", self.tolerance, input, cx, &mut answers, report);
        let rest = rest.await?;
        Ok((self.conclude)(rest.map(|()| responders.join(answers.by_responder.0))))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<N, A, T> BaseAgent for ScatterGather<N, A, T>
where
    N: Ord + Clone + fmt::Display + Send + Sync + 'static,
    A: BaseAgent<Input: Clone>,
    T: Send + 'static,
{
    type Input = A::Input;
    type Output = T;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, input: A::Input, cx: &RunContext) -> Result<T, AgentError> {
        self.run_reported(input, cx).await.result
    }
}

impl<N, A, T> fmt::Debug for ScatterGather<N, A, T>
where
    N: Ord + Clone + fmt::Display + Send + Sync + 'static,
    A: BaseAgent<Input: Clone>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScatterGather")
            .field("name", &self.name)
            .field("set", &self.set)
            .field("tolerance", &self.tolerance)
            .finish_non_exhaustive()
    }
}
