use super::SessionId;
use crate::error::BundleError;
use crate::log::Tip;
use crate::state::State;

/// A place in a log: behind some action.
///
/// ```
/// use maniple_bundles::Point;
/// assert_eq!(Point::from(3), Point::Behind(3));
/// assert_eq!(Point::from("before-deploy"), Point::Checkpoint("before-deploy".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Point {
    /// Behind the last action.
    #[default]
    End,
    /// Behind this many actions: before the one of that number.
    Behind(u64),
    /// Behind the last checkpoint of this name.
    Checkpoint(String),
}

impl From<u64> for Point {
    fn from(actions: u64) -> Self {
        Self::Behind(actions)
    }
}

impl From<&str> for Point {
    fn from(checkpoint: &str) -> Self {
        Self::Checkpoint(checkpoint.to_owned())
    }
}

impl Point {
    /// How many actions are before it, in a log with this end.
    pub(crate) fn resolve(
        &self,
        id: SessionId,
        tip: Tip,
        state: &State,
    ) -> Result<u64, BundleError> {
        match self {
            Self::End => Ok(tip.actions),
            Self::Behind(asked) if *asked <= tip.actions => Ok(*asked),
            Self::Behind(asked) => {
                Err(BundleError::OutOfRange { id, actions: tip.actions, asked: *asked })
            }
            Self::Checkpoint(name) => match state.checkpoints().get(name) {
                Some(seq) => Ok(seq.saturating_add(1)),
                None => Err(BundleError::NoCheckpoint { id, name: name.clone() }),
            },
        }
    }
}
