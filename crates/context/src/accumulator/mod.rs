//! Carries what was found from phase to phase of a workflow.

mod error;
mod filter;
mod finding;
mod inject;
mod journal;
mod reference;
mod tiers;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use error::AccumulatorError;
pub use finding::{Finding, Topic};
pub use inject::{Injection, InjectionReport, Injector, Weighed};
pub use tiers::{Tier, Tiers};

use crate::segment::SegmentId;
use journal::{Form, Versioned};

/// What the phases of a workflow have found, for the phases that follow.
///
/// A phase [records](Self::record) its findings in the journal of its run. A later phase, in the same
/// run or in another process, has them back [from the records](Self::from_records) and
/// [injects](Self::inject) those that have to do with its question into its context: a few into the
/// system prompt, more into the task, and many behind a reference from which a model recalls them.
/// Constraints are always injected, and whole.
///
/// A finding of the same topic and text as an earlier one is that one: the first stays, with the phase
/// that found it first, its title and its source.
///
/// Serialized, it has a version, and is read by what wrote it or by later versions; hosts can keep it so
/// where they have no journal.
///
/// ```
/// use std::sync::Arc;
///
/// use maniple_context::relevance::Query;
/// use maniple_context::{
///     ContextAccumulator, Encoding, Finding, Injector, MemoryRecall, Tier, Tiktoken, Topic,
/// };
/// use maniple_core::{MemoryJournal, Run};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The first phase explores, in a run of its own.
/// let journal = MemoryJournal::new();
/// let run = Run::builder("explore").with_journal(journal.clone()).open().await?;
/// let mut found = ContextAccumulator::new();
/// let phase = "explore";
/// let findings = [
///     Finding::new(Topic::Constraint, phase, "The public API stays as it is."),
///     Finding::new(Topic::Structure, phase, "Connections are retried in src/pool.rs."),
///     Finding::new(Topic::History, phase, "The logo was redrawn last year."),
/// ];
/// found.record(findings, &run.context()).await?;
///
/// // The second one goes on with what has to do with its question.
/// let found = ContextAccumulator::from_records(&journal.records())?;
/// let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
/// let injector = Injector::new(counter, Arc::new(MemoryRecall::new()));
/// let query = Query::new("How many times is a connection retried?");
/// let injection = found.inject(Some(&query), &injector)?;
///
/// let texts: Vec<_> = injection.segments.iter().map(|segment| &**segment.text()).collect();
/// assert_eq!(
///     texts,
///     [
///         "Constraint\nThe public API stays as it is.\n",
///         "Structure\nConnections are retried in src/pool.rs.\n",
///     ]
/// );
/// assert_eq!(injection.report.tier, Some(Tier::System));
/// assert_eq!(injection.report.left_out[0].topic, Topic::History);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Versioned", into = "Form")]
pub struct ContextAccumulator {
    /// In the order of adding.
    findings: Vec<Finding>,
    places: BTreeMap<SegmentId, usize>,
}

impl ContextAccumulator {
    /// Nothing is found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding without journaling it, and says whether it is new.
    pub fn add(&mut self, finding: Finding) -> bool {
        let is_new = !self.places.contains_key(finding.id());
        if is_new {
            self.places.insert(finding.id().clone(), self.findings.len());
            self.findings.push(finding);
        }
        is_new
    }

    /// All findings, in the order of adding.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The finding of this id, such as one that an injection has left out.
    pub fn get(&self, id: &SegmentId) -> Option<&Finding> {
        self.findings.get(*self.places.get(id)?)
    }

    /// How many findings there are.
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Extend<Finding> for ContextAccumulator {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        for finding in findings {
            self.add(finding);
        }
    }
}

impl FromIterator<Finding> for ContextAccumulator {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        let mut found = Self::new();
        found.extend(findings);
        found
    }
}
