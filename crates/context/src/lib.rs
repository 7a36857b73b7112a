//! Measured, reversible reduction of a context window to a token budget.
//!
//! A context is a list of [`Segment`]s. A [`ContextOptimizer`] reduces it to a budget of tokens for
//! a question: first what loses nothing (exact duplicates), then, only if that is not enough, by
//! selecting what has most to do with the question. Pinned segments stay byte for byte, a tool call
//! and its result stay together, and every text that went can be recalled by the handle that the
//! report gives it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use maniple_context::relevance::Query;
//! use maniple_context::{ContextOptimizer, Encoding, Kind, Segment, Tiktoken};
//!
//! let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
//! let optimizer = ContextOptimizer::builder(counter, 20).build()?;
//! let context = [
//!     Segment::new("task", Kind::User, "Why are failed calls repeated?").pinned(),
//!     Segment::new("a", Kind::File, "Calls that failed are repeated three times."),
//!     Segment::new("b", Kind::File, "The colours of the logo are chosen by the design team."),
//! ];
//!
//! let question = Query::new(context[0].text());
//! let reduced = optimizer.optimize(&context, Some(&question))?;
//!
//! assert_eq!(reduced.segments, [context[0].clone(), context[1].clone()]);
//! assert!(reduced.report.after <= 20);
//! let dropped = &reduced.report.dropped[0];
//! assert_eq!(optimizer.recall(&dropped.handle)?, *context[2].text());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - Counting: [`TokenCounter`] and [`Tiktoken`]; [`Estimate`] where about is enough.
//! - Messages of `OpenAI` and Anthropic as segments, and back: [`messages`].
//! - Reducers: [`reducers`], for writing one too.
//! - Relevance: [`relevance`], whose statistics can be gathered in parallel.
//! - Selection: [`select`], for what is worth most under a budget.
//! - Structure: [`blocks`] and [`sentences`] split a text into parts worth selecting, [`outline`]
//!   lists what names its parts.
//! - Formats: [`logs`] folds a log to what it says, [`json`] writes and samples tables.
//! - Code: [`code`], the outline of a source text by its grammar.
//! - Recall: [`RecallStore`] in memory or in files, [`excerpt`] for parts of a text, [`Marker`] for
//!   what stands where something went, and `RecallTool` (feature `tools`) for a model.
//!
//! The text that stays carries no marks where something went: what went is in the [`Report`].

pub mod code;
mod count;
mod draft;
mod error;
mod fixed;
mod hash;
pub mod json;
pub mod logs;
pub mod messages;
mod optimizer;
mod recall;
pub mod reducers;
pub mod relevance;
mod segment;
pub mod select;
mod structure;
#[cfg(feature = "testkit")]
pub mod testkit;
mod text;
mod transcript;

#[cfg(feature = "bpe")]
pub use count::Bpe;
pub use count::{Encoding, Estimate, Tiktoken, TokenCounter, UnknownEncoding};
pub use error::ContextError;
pub use optimizer::{
    ContextOptimizer, ContextOptimizerBuilder, DropReason, Dropped, Lost, Marked, ReducedContext,
    ReducerReport, Report, Shortened, SummarizingOptimizer, SummaryError, SummaryRequest,
};
#[cfg(feature = "tools")]
pub use recall::RecallTool;
pub use recall::excerpt;
pub use recall::{
    Damage, FileRecall, FileRecallError, Handle, Left, Marker, MemoryRecall, NoHandle, RecallError,
    RecallStore, ShortHandle,
};
pub use segment::{Kind, LineRange, PairId, Priority, Retention, Role, Segment, SegmentId, Source};
pub use structure::{Block, Blocks, OutlineLine, blocks, outline, sentences};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
