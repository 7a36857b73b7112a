use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::code::Language;
use crate::count::TokenCounter;
use crate::segment::{Kind, Segment};

/// What an agent has to know best to answer for a part of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Specialty {
    /// Source code, in a language or in any: [`Language::Other`].
    Code(Language),
    /// Logs.
    Logs,
    /// Data as JSON.
    Data,
    /// Prose, tables and settings.
    Documents,
    /// What was said.
    Conversation,
}

impl Specialty {
    /// What one segment wants. Where its kind does not say, its name and its looks do.
    pub fn of(segment: &Segment) -> Self {
        let name = segment.source().map(crate::Source::name);
        let kind = match segment.kind() {
            Kind::ToolResult | Kind::File | Kind::Note => Kind::detect(segment.text(), name),
            kind => kind,
        };
        match kind {
            Kind::Code => Self::Code(match Language::of(name, segment.text()) {
                // One language, and one specialist for it, with markup and without.
                Language::Tsx => Language::TypeScript,
                language => language,
            }),
            Kind::Log => Self::Logs,
            Kind::Json => Self::Data,
            Kind::User | Kind::Assistant | Kind::ToolCall => Self::Conversation,
            _ => Self::Documents,
        }
    }

    /// What most tokens want: of code in several languages, that in which most is written. Of equals
    /// it is the first.
    pub(super) fn of_most(segments: &[&Segment], counter: &dyn TokenCounter) -> Self {
        let mut tokens: BTreeMap<Self, usize> = BTreeMap::new();
        let mut all: BTreeMap<Self, usize> = BTreeMap::new();
        for segment in segments {
            let (specialty, count) = (Self::of(segment), segment.tokens(counter));
            *tokens.entry(specialty).or_default() += count;
            *all.entry(specialty.of_any_language()).or_default() += count;
        }
        let Some(most) = largest(all.into_iter()) else { return Self::Documents };
        let of_most = tokens.into_iter().filter(|(one, _)| one.of_any_language() == most);
        largest(of_most).unwrap_or(most)
    }

    /// The same for code in any language.
    pub(super) fn of_any_language(self) -> Self {
        match self {
            Self::Code(_) => Self::Code(Language::Other),
            other => other,
        }
    }
}

fn largest(counts: impl Iterator<Item = (Specialty, usize)>) -> Option<Specialty> {
    let mut best: Option<(Specialty, usize)> = None;
    for (specialty, count) in counts {
        if best.is_none_or(|(_, most)| count > most) {
            best = Some((specialty, count));
        }
    }
    best.map(|(specialty, _)| specialty)
}

impl fmt::Display for Specialty {
    /// Such as `logs`, `code`, `code in Rust`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code(Language::Rust) => "code in Rust",
            Self::Code(Language::Python) => "code in Python",
            Self::Code(Language::TypeScript | Language::Tsx) => "code in TypeScript",
            Self::Code(Language::JavaScript) => "code in JavaScript",
            Self::Code(Language::Other) => "code",
            Self::Logs => "logs",
            Self::Data => "data",
            Self::Documents => "documents",
            Self::Conversation => "conversation",
        })
    }
}
