use std::sync::Arc;

use futures::future::BoxFuture;
use maniple_core::{AgentError, RunContext};

use crate::error::PatternError;

/// The branches of a [`ForkJoin`](super::ForkJoin): a tuple of agents, or a [`Named`](super::Named)
/// set.
pub trait Branches: sealed::Sealed + Send + Sync + 'static {
    /// What every branch is given a copy of.
    type Input: Clone + Send + 'static;
    /// What tells a branch from the others: its place in the tuple from 0, or its name.
    type Key: Send + 'static;
    /// The outputs of all branches.
    type All: Send + 'static;
    /// The outputs that there are.
    type Some: Send + 'static;
    #[doc(hidden)]
    type Each: Send + 'static;

    #[doc(hidden)]
    fn names(&self) -> Vec<String>;

    #[doc(hidden)]
    fn count(&self) -> usize;

    /// What the contexts are named by; by the index, where there is nothing else.
    #[doc(hidden)]
    fn children(&self) -> Result<Option<Names>, PatternError>;

    #[doc(hidden)]
    fn key(&self, index: usize) -> Self::Key;

    #[doc(hidden)]
    fn run<'a>(
        &'a self,
        index: usize,
        input: Self::Input,
        cx: &'a RunContext,
    ) -> BoxFuture<'a, Result<Self::Each, AgentError>>;

    #[doc(hidden)]
    fn join(&self, outputs: Vec<Option<Self::Each>>) -> Self::Some;

    /// Where every branch has an output.
    #[doc(hidden)]
    fn all(some: Self::Some) -> Self::All;
}

/// Branches whose inputs and outputs can all be journaled.
#[diagnostic::on_unimplemented(
    message = "a fork-join is durable only where its input is `Serialize` and every output \
               `Serialize + DeserializeOwned`",
    label = "the input or some output of these branches cannot be journaled"
)]
pub trait DurableBranches: Branches {
    #[doc(hidden)]
    fn run_durable<'a>(
        &'a self,
        index: usize,
        input: Self::Input,
        cx: &'a RunContext,
    ) -> BoxFuture<'a, Result<Self::Each, AgentError>>;
}

/// The name of each branch, by its place.
pub(super) type Names = Arc<[Arc<str>]>;

pub(super) mod sealed {
    pub trait Sealed {}
}
