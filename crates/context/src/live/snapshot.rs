use serde::{Deserialize, Serialize};

use super::Marks;
use crate::segment::Segment;

/// The format that this version writes and reads.
pub(super) const FORMAT: u32 = 1;

/// A [`LiveContext`](super::LiveContext) as it is kept: its window, its marks, and what it has counted;
/// not what has left the window, which a [`RecallStore`](crate::RecallStore) keeps.
///
/// A later format is refused by [`restore`](super::LiveContext::restore), which names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSnapshot {
    pub(super) format: u32,
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
        &self.segments
    }
}
