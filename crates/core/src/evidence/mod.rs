//! What an agent says it has done, and what the journal says of that.

mod receipt;
mod support;

use serde::{Deserialize, Serialize};

pub use receipt::Receipt;
pub use support::{Support, Unsupported};

use crate::journal::Record;
use support::Found;

/// What an agent says, and what it cites for it.
///
/// ```
/// use maniple_core::{
///     AgentError, Claim, Effect, Journal, MemoryJournal, Run, Support, agent_fn,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let tester = agent_fn("tester", |suite: String, cx| async move {
///     let run = |suite: String, _| async move { Ok(format!("{suite}: 12 passed")) };
///     let said: String = cx.step("cargo test", Effect::Pure, suite, run).await?;
///     Ok(Claim { text: format!("the tests pass, {said}"), receipts: cx.receipts() })
/// });
///
/// let journal = MemoryJournal::new();
/// let run = Run::builder("review").with_journal(journal.clone()).open().await?;
/// let mut claim = run.execute(tester, "unit".into()).await?;
/// assert_eq!(claim.check(&journal.records()), Support::Verified);
///
/// claim.receipts.clear();
/// assert_ne!(claim.check(&journal.records()), Support::Verified);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What is claimed, in the agent's words.
    pub text: String,
    /// The outcomes that it is said to follow from.
    pub receipts: Vec<Receipt>,
}

impl Claim {
    /// What the journal that these are the records of says of the claim. The agent's word counts for
    /// nothing: a claim that cites nothing is unsupported, and so is one of which any receipt is not
    /// in the journal as it is cited.
    ///
    /// It is about what was cited alone: whether the text follows from that is for whoever reads it.
    /// The records are those of one run; what is cited of another is not found.
    pub fn check(&self, records: &[Record]) -> Support {
        if self.receipts.is_empty() {
            return Support::Unsupported { reason: Unsupported::CitesNothing };
        }
        let found = Found::of(records, &self.receipts);
        let fault = self.receipts.iter().find_map(|receipt| found.fault(receipt));
        fault.map_or(Support::Verified, |reason| Support::Unsupported { reason })
    }
}
