use std::time::Duration;

use maniple_core::{AgentError, Class, Classify};
use serde::{Deserialize, Serialize};

use super::plan::Part;
use super::specialty::Specialty;
use crate::optimizer::Report;
use crate::segment::Segment;

/// A context, and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContextRequest {
    /// The context.
    pub segments: Vec<Segment>,
    /// What is asked, where anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
}

impl ContextRequest {
    /// A context of which nothing is asked.
    pub fn new(segments: Vec<Segment>) -> Self {
        Self { segments, question: None }
    }

    /// Asks something of it.
    pub fn with_question(mut self, question: impl Into<String>) -> Self {
        self.question = Some(question.into());
        self
    }
}

/// What a specialist is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartRequest {
    /// The part's name.
    pub part: String,
    /// What it wants of who answers.
    pub specialty: Specialty,
    /// What whoever asks is bound to, as it is.
    pub requirements: Vec<Segment>,
    /// The part itself, reduced where it is more than its share.
    pub segments: Vec<Segment>,
    /// What is asked, where anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The tokens that may be spent: on what is given, and on the answer. More is refused.
    pub share: usize,
    /// The most tokens that the answer should have. What is more is reduced where all answers together
    /// do not fit.
    pub answer: usize,
}

/// Which way a context went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Route {
    /// It was not above the threshold, and was given as it is.
    #[default]
    AsIs,
    /// It was reduced.
    Reduced,
    /// Parts of it were answered by specialists, and the answers stand for them.
    Delegated,
}

/// What became of a context. Tokens are counted, none is estimated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DelegationReport {
    /// Which way it went.
    pub route: Route,
    /// The tokens of the context.
    pub before: usize,
    /// The tokens that the agent was given; 0 where it was not reached.
    pub after: usize,
    /// The reductions of the context as a whole, in order: without loss, and to the window. Their
    /// handles recall what was dropped.
    pub reductions: Vec<Report>,
    /// The parts, in the order of the context.
    pub parts: Vec<PartReport>,
    /// Where there are parts, the tokens of what the agent kept for itself.
    pub kept: usize,
    /// By how many tokens what no specialist answers for exceeds the threshold, because nothing else
    /// could be separated.
    pub excess: usize,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartReport {
    /// Its name.
    pub name: String,
    /// What it wanted.
    pub specialty: Specialty,
    /// The tokens of its segments.
    pub tokens: usize,
    /// The tokens that it could take.
    pub share: usize,
    /// The tokens that its specialist was given, requirements included; 0 where it was not begun.
    pub given: usize,
    /// The tokens of its answer, where there is one.
    pub answer: Option<usize>,
    /// The tokens that were spent of its share, as its steps have settled them.
    pub spent: u64,
    /// How it was reduced to its share, where it had to be.
    pub reduced: Option<Report>,
}

impl PartReport {
    /// What there is to say before it has begun.
    pub(super) fn of(part: &Part) -> Self {
        Self {
            name: part.name.clone(),
            specialty: part.specialty,
            tokens: part.tokens,
            share: part.share,
            given: 0,
            answer: None,
            spent: 0,
            reduced: None,
        }
    }
}

/// What an agent made of a context, with what became of that.
#[derive(Debug)]
pub struct Delegated<O> {
    /// What [`run`](maniple_core::BaseAgent::run) would have returned.
    pub result: Result<O, AgentError>,
    /// What became of the context.
    pub report: DelegationReport,
}

/// A specialist has failed, so that there is no answer for a part.
#[derive(Debug, thiserror::Error)]
#[error("the specialist for {specialty} has not answered for the part {part:?}")]
#[non_exhaustive]
pub struct PartError {
    /// The part's name.
    pub part: String,
    /// What it wanted.
    pub specialty: Specialty,
    /// What the specialist failed with.
    pub source: AgentError,
}

impl Classify for PartError {
    fn class(&self) -> Class {
        self.source.class()
    }

    fn retry_after(&self) -> Option<Duration> {
        self.source.retry_after()
    }
}
