use std::collections::BTreeMap;
use std::fmt;

use futures::future::BoxFuture;
use maniple_core::{AgentError, BaseAgent, RunContext};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ForkJoin;
use super::branches::{Branches, DurableBranches, sealed};
use crate::call::{durable, plain};

/// Agents of one type, each with a name; see [`ForkJoin::named`].
pub struct Named<N, A>(Vec<(N, A)>);

impl<N, A> ForkJoin<Named<N, A>>
where
    N: Ord + Clone + fmt::Display + Send + Sync + 'static,
    A: BaseAgent<Input: Clone>,
{
    /// Joins the outputs of agents of one type by their names. Different agents become one type as
    /// [boxes](maniple_core::AgentExt::boxed).
    ///
    /// ```
    /// use std::collections::BTreeMap;
    ///
    /// use maniple_core::{AgentError, AgentExt, Run, agent_fn};
    /// use maniple_orchestration::ForkJoin;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), AgentError> {
    /// let half = agent_fn("half", |n: u64, _cx| async move { Ok(n / 2) });
    /// let twice = agent_fn("twice", |n: u64, _cx| async move { Ok(n * 2) });
    /// let agents = BTreeMap::from([("half", half.boxed()), ("twice", twice.boxed())]);
    ///
    /// let run = Run::builder("example").open().await?;
    /// let outputs = run.execute(ForkJoin::named("both", agents), 10).await?;
    /// assert_eq!(outputs, BTreeMap::from([("half", 5), ("twice", 20)]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn named(name: impl Into<String>, agents: BTreeMap<N, A>) -> Self {
        Self::new(name, Named(agents.into_iter().collect()))
    }
}

impl<N, A> Branches for Named<N, A>
where
    N: Ord + Clone + fmt::Display + Send + Sync + 'static,
    A: BaseAgent<Input: Clone>,
{
    type Input = A::Input;
    type Key = N;
    type All = BTreeMap<N, A::Output>;
    type Some = BTreeMap<N, A::Output>;
    type Each = A::Output;

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, agent)| format!("{name}: {}", agent.name())).collect()
    }

    fn child(&self, index: usize) -> Option<String> {
        Some(self.0[index].0.to_string())
    }

    fn key(&self, index: usize) -> N {
        self.0[index].0.clone()
    }

    fn run<'a>(
        &'a self,
        index: usize,
        input: A::Input,
        cx: &'a RunContext,
    ) -> BoxFuture<'a, Result<A::Output, AgentError>> {
        plain(&self.0[index].1, input, cx)
    }

    fn join(&self, outputs: Vec<Option<A::Output>>) -> Self::Some {
        let named = self.0.iter().zip(outputs);
        named.filter_map(|((name, _), output)| Some((name.clone(), output?))).collect()
    }

    fn all(some: Self::Some) -> Self::All {
        some
    }
}

impl<N, A> DurableBranches for Named<N, A>
where
    N: Ord + Clone + fmt::Display + Send + Sync + 'static,
    A: BaseAgent<Input: Clone + Serialize, Output: Serialize + DeserializeOwned>,
{
    fn run_durable<'a>(
        &'a self,
        index: usize,
        input: A::Input,
        cx: &'a RunContext,
    ) -> BoxFuture<'a, Result<A::Output, AgentError>> {
        durable(&self.0[index].1, input, cx)
    }
}

impl<N, A> sealed::Sealed for Named<N, A> {}

impl<N: fmt::Debug, A: BaseAgent> fmt::Debug for Named<N, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, agent)| (name, agent.name()))).finish()
    }
}
