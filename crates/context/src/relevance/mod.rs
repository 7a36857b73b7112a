//! How much a text has to do with a question, in exact integer arithmetic.
//!
//! A [`Query`] says what is asked, [`TermCounts`] how often a text says it, [`CorpusStats`] how
//! common that is, and [`Bm25`] makes a [`Score`] of the three. The statistics are a monoid, so
//! that the parts of a large corpus can be counted in parallel and merged in any order:
//!
//! ```
//! use maniple_context::relevance::{Bm25, CorpusStats, Query};
//!
//! let query = Query::new("How are connections retried?");
//! let texts = ["fn retry_connection() {}", "the weather is fine", "a connection is open"];
//!
//! let stats = texts
//!     .iter()
//!     .map(|text| CorpusStats::of(&query, &query.count(text)))
//!     .fold(CorpusStats::identity(), CorpusStats::merge);
//! let bm25 = Bm25::new(&query, &stats);
//! let scores = texts.map(|text| bm25.score(&query.count(text)));
//! assert!(scores[0] > scores[2] && scores[2] > scores[1]);
//! ```
//!
//! Where all the texts are at hand, [`worth`] says more: it weighs the [`Passage`]s of dialogues
//! and documents by what stands around them too, by who says them, under which title, and by what
//! the best of them lead to, and it has an opinion where nothing is asked. [`select`] then fills a
//! budget.

mod bm25;
mod bm25f;
mod cohesion;
mod corpus;
mod counts;
mod evidence;
mod hop;
mod passage;
mod prior;
mod query;
mod stem;
mod stop;
mod terms;
mod words;

pub use bm25::{Bm25, Score};
pub(crate) use cohesion::topic_starts;
pub use corpus::CorpusStats;
pub use counts::{Scanner, TermCounts};
pub use passage::{Passage, Worth, select, worth};
pub(crate) use passage::{PassageList, relevance, select_by_tokens, worth_of};
pub use query::{Query, Term};
