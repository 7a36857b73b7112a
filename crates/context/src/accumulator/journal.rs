//! Findings in the journals of runs.

use maniple_core::{AgentError, Fact, Key, Payload, Record, RunContext};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AccumulatorError, ContextAccumulator, Finding};

/// What a record of findings is named.
const DECISION: &str = "maniple.findings";

/// The format that is written.
const VERSION: u32 = 1;

impl ContextAccumulator {
    /// Adds what was found here, and journals what is new of it; says how much is.
    ///
    /// Each call is one [decision](RunContext::decide) of the run. When the run is resumed, the same
    /// call adds what was recorded, even if something else is given to it now, or nothing. Give it
    /// all that a phase has found, and a phase that is entered again has found exactly that.
    ///
    /// What is known already is not journaled again, so that a run needs the records of the runs
    /// before it: see [`from_records`](Self::from_records). A store that keeps no secrets refuses a
    /// decision that holds one, and so a finding.
    ///
    /// # Errors
    /// Those of [`RunContext::decide`]. Nothing is added then.
    ///
    /// # Cancel safety
    /// Dropped, nothing is added, but it may have been journaled; a resumed run then has it.
    pub async fn record(
        &mut self,
        findings: impl IntoIterator<Item = Finding>,
        cx: &RunContext,
    ) -> Result<usize, AgentError> {
        let new: Self =
            findings.into_iter().filter(|finding| self.get(finding.id()).is_none()).collect();
        let recorded = cx.decide(DECISION, || new).await?;
        let before = self.len();
        self.extend(recorded.findings);
        Ok(self.len() - before)
    }

    /// What was [recorded](Self::record) in runs, of all their attempts and in the order of the
    /// records: how a phase goes on with what the phases before it found, in other runs or processes.
    ///
    /// Records of anything else are passed over.
    ///
    /// # Errors
    /// [`AccumulatorError::Unreadable`] where a record of findings cannot be read.
    pub fn from_records<'r>(
        records: impl IntoIterator<Item = &'r Record>,
    ) -> Result<Self, AccumulatorError> {
        let mut found = Self::new();
        found.add_records(records)?;
        Ok(found)
    }

    /// Adds what was recorded in a further run.
    ///
    /// # Errors
    /// As [`from_records`](Self::from_records). Nothing is added then.
    pub fn add_records<'r>(
        &mut self,
        records: impl IntoIterator<Item = &'r Record>,
    ) -> Result<(), AccumulatorError> {
        let recorded = records.into_iter().filter_map(|record| {
            let value = findings_of(record)?;
            let unreadable =
                |source| AccumulatorError::Unreadable { key: record.key.clone(), source };
            Some(value.decode::<Self>().map_err(unreadable))
        });
        let recorded = recorded.collect::<Result<Vec<_>, _>>()?;
        self.extend(recorded.into_iter().flat_map(|found| found.findings));
        Ok(())
    }
}

fn findings_of(record: &Record) -> Option<&Payload> {
    let Fact::Decided { value } = &record.fact else { return None };
    is_ours(&record.key).then_some(value)
}

/// Whether it is the key of a decision of ours. Behind the name stand which of its name it is, and
/// the attempts; what separates them stands in no name as it is.
fn is_ours(key: &Key) -> bool {
    let named = key.as_str().rsplit_once(':').and_then(|(_, name)| name.strip_prefix(DECISION));
    named.is_some_and(|rest| rest.is_empty() || rest.starts_with(['#', '@']))
}

/// The form in which findings are kept, in records and by hosts.
#[derive(Serialize)]
pub(super) struct Form {
    version: u32,
    findings: Vec<Finding>,
}

/// Findings of any format, whatever a later one may say.
#[derive(Deserialize)]
pub(super) struct Versioned {
    version: u32,
    #[serde(default)]
    findings: Value,
}

impl From<ContextAccumulator> for Form {
    fn from(found: ContextAccumulator) -> Self {
        Self { version: VERSION, findings: found.findings }
    }
}

impl TryFrom<Versioned> for ContextAccumulator {
    type Error = Unreadable;

    fn try_from(Versioned { version, findings }: Versioned) -> Result<Self, Unreadable> {
        if version != VERSION {
            return Err(Unreadable::Format { version });
        }
        let findings: Vec<Finding> = serde_json::from_value(findings)?;
        Ok(findings.into_iter().collect())
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(
        "the findings are of format {version}, and this version of maniple-context reads format \
         {VERSION}: use the one that wrote them"
    )]
    Format { version: u32 },
    #[error(transparent)]
    Findings(#[from] serde_json::Error),
}
