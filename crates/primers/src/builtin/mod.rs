//! The primers that come with this crate.

use crate::names::{Checkpoint, PrimerName, Version};
use crate::template::TemplatePrimer;

/// Answers a question about a folder from a brief of it: passages with their paths and lines.
///
/// Variables: `question`, in any words; `folder`, its path; `files`, how many files the passages
/// were chosen from, as a number. The brief itself follows as segments of its own. Checkpoints:
/// read, answer, verify.
///
/// # Panics
/// Never: the template is part of this crate, and its tests parse it.
pub fn research() -> TemplatePrimer {
    let name = PrimerName::new("research").expect("it is a lower-case word");
    TemplatePrimer::new(name, Version::new("1"), include_str!("research.jinja"))
        .expect("the tests parse it")
        .with_checkpoints(["read", "answer", "verify"].map(Checkpoint::new))
}
