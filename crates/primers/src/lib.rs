//! Typed context templates that start an agent's work.
//!
//! A [`Primer`] turns the variables of a [`PrimeRequest`] into [`Primed`] context: segments for a
//! [`ContextOptimizer`](maniple_context::ContextOptimizer), the workflow to follow and the
//! checkpoints on its way. [`TemplatePrimer`] renders a template; [`builtin`] has those that come
//! with this crate. A variable that is missing, or that the template does not take, is an error
//! that says so before anything is rendered.
//!
//! ```
//! use maniple_context::{Encoding, Tiktoken};
//! use maniple_primers::{PrimeError, PrimeRequest, Primer, builtin};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), PrimeError> {
//! let request = PrimeRequest::new()
//!     .with_variable("question", "How does retry work?")
//!     .with_variable("folder", "crates/http")
//!     .with_variable("files", "212");
//! let primed = builtin::research().prime(&request, &Tiktoken::new(Encoding::O200kBase)).await?;
//!
//! assert!(primed.segments[0].text().contains("How does retry work?"));
//! assert!(primed.segments[0].is_pinned() && primed.report.tokens > 100);
//! # Ok(())
//! # }
//! ```

pub mod builtin;
mod error;
mod names;
mod primer;
mod template;

pub use error::PrimeError;
pub use names::{Checkpoint, PrimerName, Version, Workflow};
pub use primer::{PrimeReport, PrimeRequest, Primed, Primer};
pub use template::TemplatePrimer;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
