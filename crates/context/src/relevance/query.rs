use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::counts::{Scanner, TermCounts};
use super::stem::English;
use super::stop::is_stop_word;
use super::words::{each_form, each_word};

/// What is asked, as the set of its terms.
///
/// The terms are the words of the question in lower case, without common English words, cut to
/// their English stem ("retries" and "retrying" are one term); an identifier such as `retryCount`
/// or `retry_count` is also its parts. A question without a term is a query that finds nothing.
///
/// ```
/// use maniple_context::relevance::Query;
///
/// let query = Query::new("Where is retry_count used?");
/// let terms: Vec<_> = query.terms().iter().map(|term| term.as_str()).collect();
/// assert_eq!(terms, ["count", "retri", "retrycount", "use"]);
/// assert_eq!(query, Query::new("the uses of retryCount"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    terms: Arc<[Term]>,
}

impl Query {
    /// The query of a question, in any words.
    pub fn new(question: &str) -> Self {
        let mut stemmer = English::new();
        let mut terms = Vec::new();
        let mut buffer = String::new();
        each_word(question, |word| {
            each_form(word, &mut buffer, |form| {
                if !is_stop_word(form) {
                    terms.push(Term(stemmer.stem(form).into()));
                }
            });
        });
        terms.sort_unstable();
        terms.dedup();
        Self { terms: terms.into() }
    }

    /// The terms, sorted, each once.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Counts the terms of one text. For many texts, keep a [`scanner`](Self::scanner).
    pub fn count(&self, text: &str) -> TermCounts {
        self.scanner().count(text)
    }

    /// Counts the terms of many texts, remembering the words that it has met.
    pub fn scanner(&self) -> Scanner<'_> {
        Scanner::new(self)
    }
}

/// The stem of a word of a [`Query`], in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Term(Arc<str>);

impl Term {
    /// The stem.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
