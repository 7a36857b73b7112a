use std::collections::{BTreeMap, HashMap};
use std::fmt;

use futures::future::BoxFuture;
use maniple_core::{AgentError, BaseAgent, RunContext};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ForkJoin;
use super::branches::{Branches, DurableBranches, Names, sealed};
use crate::call::{durable, plain};
use crate::error::PatternError;

/// Agents of one type, each with a name; see [`ForkJoin::named`].
pub struct Named<N, A> {
    agents: Vec<(N, A)>,
    /// As the journal knows them, made once and not for each run.
    children: Result<Names, PatternError>,
}

impl<N: fmt::Display, A> Named<N, A> {
    /// Agents in the order of their names.
    pub(crate) fn new(agents: Vec<(N, A)>) -> Self {
        let names: Names = agents.iter().map(|(name, _)| name.to_string().into()).collect();
        let mut seen = HashMap::with_capacity(names.len());
        for (second, name) in names.iter().enumerate() {
            if let Some(first) = seen.insert(&**name, second) {
                let key = String::from(&**name);
                return Self {
                    agents,
                    children: Err(PatternError::DuplicateKey { key, first, second }),
                };
            }
        }
        drop(seen);
        Self { agents, children: Ok(names) }
    }
}

impl<N, A> ForkJoin<Named<N, A>>
where
    N: Ord + Clone + fmt::Display + Send + Sync + 'static,
    A: BaseAgent<Input: Clone>,
{
    /// Joins the outputs of agents of one type by their names; two that are written alike are
    /// [`DuplicateKey`](PatternError::DuplicateKey) when it runs. Different agents become one type as
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
        Self::new(name, Named::new(agents.into_iter().collect()))
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
        self.agents.iter().map(|(name, agent)| format!("{name}: {}", agent.name())).collect()
    }

    fn count(&self) -> usize {
        self.agents.len()
    }

    fn children(&self) -> Result<Option<Names>, PatternError> {
        self.children.clone().map(Some)
    }

    fn key(&self, index: usize) -> N {
        self.agents[index].0.clone()
    }

    fn run<'a>(
        &'a self,
        index: usize,
        input: A::Input,
        cx: &'a RunContext,
    ) -> BoxFuture<'a, Result<A::Output, AgentError>> {
        plain(&self.agents[index].1, input, cx)
    }

    fn join(&self, outputs: Vec<Option<A::Output>>) -> Self::Some {
        let named = self.agents.iter().zip(outputs);
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
        durable(&self.agents[index].1, input, cx)
    }
}

impl<N, A> sealed::Sealed for Named<N, A> {}

impl<N: fmt::Debug, A: BaseAgent> fmt::Debug for Named<N, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.agents.iter().map(|(name, agent)| (name, agent.name()))).finish()
    }
}
