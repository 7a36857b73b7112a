use std::sync::OnceLock;

use crate::error::BundleError;

/// Why a writer takes nothing more. The thread says it before it lets go of its commands, so
/// whoever finds nobody to talk to can read it here.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    why: OnceLock<BundleError>,
}

impl Ending {
    pub(super) fn say(&self, why: BundleError) {
        // The thread ends once.
        let _ = self.why.set(why);
    }

    /// What everything that comes too late is answered.
    pub(crate) fn error(&self) -> BundleError {
        self.why.get().cloned().unwrap_or(BundleError::WriterDied)
    }
}
