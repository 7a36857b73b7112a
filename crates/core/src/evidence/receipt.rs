use serde::{Deserialize, Serialize};

use crate::context::RunContext;
use crate::identity::{Digest, Key, RunId};
use crate::journal::Payload;

/// Cites one success in the journal of a run: that this step or branch ended, and with this output.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Receipt {
    /// The run.
    pub run: RunId,
    /// The step or branch.
    pub key: Key,
    /// The [digest](Payload::digest) of its output.
    pub output: Digest,
}

impl Receipt {
    pub(crate) fn all(run: &RunId, outputs: Vec<(Key, Payload)>) -> Vec<Self> {
        let receipt = |(key, output): (Key, Payload)| {
            let (run, output) = (run.clone(), output.digest());
            Self { run, key, output }
        };
        let mut all: Vec<Self> = outputs.into_iter().map(receipt).collect();
        all.sort();
        all
    }
}

impl RunContext {
    /// What has succeeded at and inside this place so far, in the order of the keys: what the agent here
    /// can cite in a [`Claim`](crate::Claim). A branch that has ended stands for all that lies inside
    /// of it.
    ///
    /// Where the code is executed again, it is what that has come by: a step that an earlier process
    /// finished further on is not in it. What earlier attempts, or parts of the run that are at work at
    /// the same time, have finished by now may be another time; who gives the receipts to a step, and
    /// has such, [decides](Self::decide) them once.
    pub fn receipts(&self) -> Vec<Receipt> {
        let outputs = self.env().run.history().outputs_come_by(self.node.path());
        Receipt::all(self.run_id(), outputs)
    }
}
