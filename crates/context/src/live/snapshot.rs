use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Marks;
use crate::segment::Segment;

/// The format that this version writes and reads.
pub(super) const FORMAT: u32 = 1;

/// A [`LiveContext`](super::LiveContext) as it is kept: its window, its marks, and what it has counted;
/// not what has left the window, which a [`RecallStore`](crate::RecallStore) keeps.
///
/// One of a later format is not read: the error names the format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Versioned")]
pub struct LiveSnapshot {
    pub(super) format: u32,
    #[serde(flatten)]
    pub(super) state: State,
}

/// What a snapshot of this format says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) encoding: Box<str>,
    pub(super) marks: Marks,
    /// How many of the segments the last turn sent.
    pub(super) sent: usize,
    /// The tokens that the last compaction left.
    pub(super) compacted: usize,
    pub(super) turns: u64,
    pub(super) unreduced: usize,
    pub(super) segments: Vec<Segment>,
}

impl LiveSnapshot {
    /// The segments of the window, as [`LiveContext::segments`](super::LiveContext::segments) has them.
    pub fn segments(&self) -> &[Segment] {
        &self.state.segments
    }
}

/// A snapshot of any format, whatever a later one may say.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
    #[serde(flatten)]
    state: Value,
}

impl TryFrom<Versioned> for LiveSnapshot {
    type Error = Unreadable;

    fn try_from(Versioned { format, state }: Versioned) -> Result<Self, Unreadable> {
        if format != FORMAT {
            return Err(Unreadable::Format { format });
        }
        Ok(Self { format, state: serde_json::from_value(state)? })
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(
        "the snapshot is of format {format}, and this version of maniple-context reads format \
         {FORMAT}: use the one that wrote it"
    )]
    Format { format: u32 },
    #[error(transparent)]
    State(#[from] serde_json::Error),
}
