//! What primes, what it is asked and what it gives.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use maniple_context::{Segment, TokenCounter};
use serde::{Deserialize, Serialize};

use crate::error::PrimeError;
use crate::names::{Checkpoint, PrimerName, Version, Workflow};

/// Makes the context in which an agent starts a piece of work.
#[async_trait]
pub trait Primer: fmt::Debug + Send + Sync {
    /// The primer's name.
    fn name(&self) -> &PrimerName;

    /// Makes the context for a request, its tokens counted by `counter`.
    ///
    /// # Errors
    /// Where the request does not fit the primer, or the primer fails on it.
    ///
    /// # Cancel safety
    /// Priming has no effect but what it returns, so dropping the future loses nothing else.
    async fn prime(
        &self,
        request: &PrimeRequest,
        counter: &dyn TokenCounter,
    ) -> Result<Primed, PrimeError>;
}

const _: Option<&dyn Primer> = None;

/// What a primer is asked: a value for each variable of its template.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PrimeRequest {
    variables: BTreeMap<Arc<str>, String>,
}

impl PrimeRequest {
    /// A request without variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a variable its value, in place of an earlier one. Values are text, never template.
    pub fn with_variable(mut self, name: impl Into<Arc<str>>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The variables by name.
    pub fn variables(&self) -> &BTreeMap<Arc<str>, String> {
        &self.variables
    }
}

/// A context to start from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Primed {
    /// The context, in order.
    pub segments: Vec<Segment>,
    /// The way of working that it starts.
    pub workflow: Workflow,
    /// The steps whose ends are worth recording, in order.
    pub checkpoints: Vec<Checkpoint>,
    /// How it came to be.
    pub report: PrimeReport,
}

/// How a context came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PrimeReport {
    /// The primer, whose name its template has too.
    pub primer: PrimerName,
    /// The version of its template.
    pub version: Version,
    /// The tokens of all segments, counted.
    pub tokens: usize,
    /// The encoding that they were counted in.
    pub encoding: Box<str>,
}
