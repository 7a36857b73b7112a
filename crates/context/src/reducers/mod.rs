//! How a context becomes smaller: the trait, and the reducers there are.
//!
//! A reducer sees a context as [`Unit`]s, which are kept or dropped whole: a tool call with its
//! result, or a single segment. What stays of a segment is a [`Part`], whose [`Piece`]s can go one by
//! one, or which is said in other words. It works on a [`Draft`], which upholds the laws for it: what
//! must be kept cannot be dropped, order is kept, nothing grows, every loss is recorded.

mod code_outlines;
mod content;
mod duplicates;
mod json_samples;
mod json_tables;
mod log_templates;
mod near_duplicates;
mod repeated_lines;
mod selection;
mod stale;
mod view;

use std::fmt;

pub use crate::draft::{Cause, Draft, Part, PartId, Piece, Unit, UnitId};
pub use code_outlines::CodeOutlines;
pub use duplicates::ExactDuplicates;
pub use json_samples::JsonSamples;
pub use json_tables::JsonTables;
pub use log_templates::LogTemplates;
pub use near_duplicates::NearDuplicates;
pub use repeated_lines::RepeatedLines;
pub use selection::Selection;
pub use stale::{StaleResults, SupersededReads};

use crate::error::ContextError;

/// One way to make a context smaller.
///
/// An optimizer runs it only while the context is over its budget. What it does must follow from
/// the draft alone, so that the same context is reduced the same way everywhere.
///
/// ```
/// use maniple_context::reducers::{Cause, Draft, Loss, Reducer};
/// use maniple_context::{ContextError, Kind};
///
/// #[derive(Debug)]
/// struct NoLogs;
///
/// impl Reducer for NoLogs {
///     fn name(&self) -> &str {
///         "no-logs"
///     }
///     fn loss(&self) -> Loss {
///         Loss::Lossy
///     }
///     fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
///         let logs: Vec<_> = draft
///             .units()
///             .filter(|unit| !unit.is_kept())
///             .filter(|unit| unit.segments().all(|segment| segment.kind() == Kind::Log))
///             .map(|unit| unit.id())
///             .collect();
///         logs.into_iter().try_for_each(|log| draft.discard(log, Cause::OverBudget))
///     }
/// }
/// ```
pub trait Reducer: fmt::Debug + Send + Sync {
    /// The name in reports, unique in an optimizer.
    fn name(&self) -> &str;

    /// What the context loses; reducers that lose less run first.
    fn loss(&self) -> Loss;

    /// Makes the draft smaller.
    ///
    /// # Errors
    /// When it cannot go on; the whole reduction then fails. Dropping too little is no error.
    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError>;
}

const _: Option<&dyn Reducer> = None;

/// The reducers of an optimizer that is given none, in the order in which they run.
pub fn defaults() -> Vec<Box<dyn Reducer>> {
    vec![
        Box::new(ExactDuplicates),
        Box::new(RepeatedLines),
        Box::new(JsonTables),
        Box::new(SupersededReads),
        Box::new(NearDuplicates),
        Box::new(LogTemplates),
        Box::new(JsonSamples),
        Box::new(StaleResults),
        Box::new(CodeOutlines),
        Box::new(Selection::default()),
    ]
}

/// What a context loses by a reducer, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Loss {
    /// Everything that was said is still said.
    Lossless,
    /// Something is no longer said, and can be recalled.
    Lossy,
}
