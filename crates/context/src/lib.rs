//! Measured, reversible reduction of a context window to a token budget.
//!
//! A context is a list of [`Segment`]s: messages, tool calls and their results, files, logs. A
//! [`ContextOptimizer`] reduces it to a budget of tokens, for a question or for none. It counts with
//! a real tokenizer, runs [reducers] in the order of what they lose, and stops as soon as the
//! budget holds. Where something went stands a short [`Marker`], by which a model has it back, byte
//! for byte.
//!
//! ```
//! use std::sync::Arc;
//!
//! use maniple_context::messages::Transcript;
//! use maniple_context::{ContextOptimizer, Encoding, Marker, Tiktoken};
//! use serde_json::json;
//!
//! // An agent has read a log, in which one line is not like the others.
//! let line = |n| match n {
//!     321 => "10:05:21 ERROR orders: the total is 7, not 8\n".to_owned(),
//!     n => format!("10:{:02}:{:02} INFO orders: served {n} in {} ms\n", n / 60, n % 60, n * 79 % 97),
//! };
//! let log: String = (0..600).map(line).collect();
//! let messages = json!([
//!     {"role": "user", "content": "Why do orders fail?", "pinned": true},
//!     {"role": "assistant", "content": null, "tool_calls": [{
//!         "id": "a", "type": "function",
//!         "function": {"name": "read", "arguments": "{\"path\":\"orders.log\"}"}}]},
//!     {"role": "tool", "tool_call_id": "a", "content": log}]);
//! let transcript = Transcript::openai_value(&messages)?;
//!
//! // Room for a quarter of it. Far less is taken, for the log says little.
//! let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
//! let optimizer = ContextOptimizer::builder(counter, 2_000).build()?;
//! let reduced = optimizer.optimize(transcript.segments(), None)?;
//! assert!(reduced.report.before > 9_000 && reduced.report.after < 200);
//!
//! // The same conversation as the provider takes it, with the line that matters.
//! let written = transcript.write(&reduced.segments)?;
//! assert!(written.contains("10:05:21 ERROR orders: the total is 7, not 8"));
//!
//! // A marker says that something is left out. By its handle a model has it back.
//! let (_, marker) = Marker::all_in(&written).next().expect("the budget has room for a marker");
//! let handle = optimizer.recall_store().find(marker.handle())?;
//! assert_eq!(*optimizer.recall(&handle)?, *log);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - Counting: [`TokenCounter`] and [`Tiktoken`]; [`Estimate`] where about is enough; `Bpe` (feature
//!   `bpe`) where counting has to be fast.
//! - Contexts: [`Segment`]s of a [`Kind`], or [`messages`] of `OpenAI` and Anthropic, and back.
//! - Reduction: [`ContextOptimizer`] and its [`Report`]; [`reducers`], for writing one too; a
//!   [`SummarizingOptimizer`] has an agent sum up what is lost.
//! - Growth: [`LiveContext`], a transcript that grows turn by turn within a window.
//! - Delegation: a [`DelegationPlan`] says what others could answer for, and a
//!   [`ContextOptimizedAgent`] lets them.
//! - Phases: a [`ContextAccumulator`] carries what one phase of a workflow found to the next.
//! - Relevance: [`relevance`], what a passage is worth for a question or by itself.
//! - Selection: [`select`], for what is worth most under a budget.
//! - Structure: [`blocks`] and [`sentences`] split a text into parts worth selecting, [`outline`]
//!   lists what names its parts.
//! - Formats: [`logs`] folds a log to what it says, [`json`] writes and samples tables, [`code`]
//!   outlines a source text.
//! - Economics: [`PriceTable`], what a model takes, and [`Savings`], what reducing has saved.
//! - Recall: [`RecallStore`] in memory or in files, [`excerpt`] for parts of a text, and `RecallTool`
//!   (feature `tools`) for a model.
//!
//! # Features
//! None is on by default.
//! - `bpe`: a faster counter, exact too, for minutes of building and 50 MB of program.
//! - `lang-rust`, `lang-python`, `lang-typescript`, `lang-javascript`: outlines of source code by its
//!   grammar, which takes a C compiler to build; without it, by indentation.
//! - `tools`: recall as a tool of a model.
//! - `testkit`: the contract of stores for recall, and strategies that make conversations.

mod accumulator;
pub mod code;
mod count;
mod delegate;
mod draft;
mod economics;
mod error;
mod fixed;
mod hash;
pub mod json;
mod live;
pub mod logs;
pub mod messages;
mod optimizer;
mod recall;
pub mod reducers;
pub mod relevance;
mod segment;
pub mod select;
mod share;
mod structure;
#[cfg(feature = "testkit")]
pub mod testkit;
mod text;
mod transcript;

pub use accumulator::{
    AccumulatorError, ContextAccumulator, Finding, Injection, InjectionReport, Injector, Tier,
    Tiers, Topic, Weighed,
};
#[cfg(feature = "bpe")]
pub use count::Bpe;
pub use count::{Encoding, Estimate, Tiktoken, TokenCounter, UnknownEncoding};
pub use delegate::{
    ContextOptimizedAgent, ContextRequest, Delegated, Delegation, DelegationPlan, DelegationReport,
    Part, PartError, PartReport, PartRequest, Route, Specialty,
};
pub use economics::{Price, PriceTable, Savings, Sent, UnknownModel};
pub use error::ContextError;
pub use live::{Kept, LiveContext, LiveSnapshot, Turn};
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
