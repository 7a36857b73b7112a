use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Receipt;
use crate::error::RecordedError;
use crate::identity::{Digest, Key, RunId};
use crate::journal::{Fact, Outcome, Record};

/// What whoever holds the journal finds of a [`Claim`](super::Claim).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// It cites something, and everything that it cites is in the journal.
    Verified,
    /// It does not.
    Unsupported {
        /// Why; of several receipts that are not found, the first is named.
        reason: Unsupported,
    },
}

/// Why a claim is not supported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unsupported {
    /// It cites nothing.
    #[error("the claim cites nothing")]
    CitesNothing,
    /// The journal is that of another run, or has none.
    #[error("the journal holds nothing of run {}, of which {} is cited", receipt.run, receipt.key)]
    NoRun {
        /// What is cited.
        receipt: Receipt,
    },
    /// No step or branch of that key has ended.
    #[error("{} has no outcome", receipt.key)]
    NoOutcome {
        /// What is cited.
        receipt: Receipt,
    },
    /// It has ended with another output.
    #[error("{} ended with the output {found}, not with {}", receipt.key, receipt.output)]
    Differs {
        /// What is cited.
        receipt: Receipt,
        /// The digest of the output that it ended with.
        found: Digest,
    },
    /// It has failed.
    #[error("{} failed: {error}", receipt.key)]
    Failed {
        /// What is cited.
        receipt: Receipt,
        /// How.
        error: RecordedError,
    },
    /// It has succeeded, and the journal does not hold [with what](Record::withhold).
    #[error("the output of {} was withheld", receipt.key)]
    Withheld {
        /// What is cited.
        receipt: Receipt,
    },
}

/// What the records say of the keys that are cited.
pub(super) struct Found<'a> {
    run: Option<&'a RunId>,
    /// All outcomes of each key: what was withheld may be followed by one that was not.
    outcomes: BTreeMap<&'a Key, Vec<&'a Outcome>>,
}

impl<'a> Found<'a> {
    pub(super) fn of(records: &'a [Record], cited: &'a [Receipt]) -> Self {
        let run = records.first().and_then(|record| match &record.fact {
            Fact::Started { run, .. } => Some(run),
            _ => None,
        });
        let mut outcomes: BTreeMap<_, Vec<_>> =
            cited.iter().map(|receipt| (&receipt.key, Vec::new())).collect();
        for record in records {
            if let Fact::Receipt { outcome, .. } = &record.fact
                && let Some(outcomes) = outcomes.get_mut(&record.key)
            {
                outcomes.push(outcome);
            }
        }
        Self { run, outcomes }
    }

    pub(super) fn fault(&self, receipt: &Receipt) -> Option<Unsupported> {
        let cited = || receipt.clone();
        if self.run != Some(&receipt.run) {
            return Some(Unsupported::NoRun { receipt: cited() });
        }
        let mut fault = Unsupported::NoOutcome { receipt: cited() };
        for outcome in self.outcomes.get(&receipt.key).into_iter().flatten() {
            fault = match outcome {
                Outcome::Ok(output) => match output.digest() {
                    found if found == receipt.output => return None,
                    found => Unsupported::Differs { receipt: cited(), found },
                },
                Outcome::Err(error) => {
                    Unsupported::Failed { receipt: cited(), error: error.clone() }
                }
                Outcome::Withheld => Unsupported::Withheld { receipt: cited() },
            };
        }
        Some(fault)
    }
}
