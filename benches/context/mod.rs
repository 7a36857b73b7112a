//! Contexts with evidence planted in them, made from a seed: what a reduction must not lose is known
//! before it runs.

mod agent;
mod dialogue;
mod documents;
mod json;
mod logs;
mod sets;
mod words;

use maniple::context::Segment;

pub use agent::transcript;
pub use dialogue::dialogue;
pub use documents::documents;
pub use json::records;
pub use logs::log;
pub use sets::{Set, sets, transcripts, uncounted};

/// A context, what it is for, and what in it is needed later.
#[derive(Debug)]
pub struct Case {
    /// The context.
    pub segments: Vec<Segment>,
    /// What is asked of it, if anything is.
    pub question: Option<String>,
    /// Texts each of which must still be said.
    pub evidence: Vec<String>,
}

impl Case {
    /// How much of the evidence these segments say, from 0 to 1; 0 where there is none.
    #[expect(clippy::cast_precision_loss, reason = "there are few")]
    pub fn kept(&self, segments: &[Segment]) -> f64 {
        let kept = self.evidence.iter().filter(|evidence| says(segments, evidence)).count();
        kept as f64 / self.evidence.len().max(1) as f64
    }
}

/// Whether one of these segments says this.
pub fn says(segments: &[Segment], evidence: &str) -> bool {
    segments.iter().any(|segment| segment.text().contains(evidence))
}
