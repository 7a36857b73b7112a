use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::recall::Handle;
use crate::segment::{SegmentId, Source};

/// What a [`Finding`] is about. They are injected in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Topic {
    /// What the work has to keep to, whatever is asked: it is always injected, and whole.
    Constraint,
    /// What there is, and where: files, modules, how they depend on each other.
    Structure,
    /// What it means and does.
    Semantics,
    /// How it came to be so: earlier changes, decisions, attempts that failed.
    History,
    /// What came up on the way.
    Discovery,
}

impl Topic {
    fn name(self) -> &'static str {
        match self {
            Self::Constraint => "constraint",
            Self::Structure => "structure",
            Self::Semantics => "semantics",
            Self::History => "history",
            Self::Discovery => "discovery",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Constraint => "Constraint",
            Self::Structure => "Structure",
            Self::Semantics => "Semantics",
            Self::History => "History",
            Self::Discovery => "Discovery",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that one phase of a workflow found and a later one may need.
///
/// ```
/// use maniple_context::{Finding, Source, Topic};
///
/// let finding = Finding::new(Topic::History, "explore", "Retries were removed in March.")
///     .with_title("Retries")
///     .with_source(Source::new("src/pool.rs"));
/// assert_eq!(finding.heading(), "History: Retries (src/pool.rs)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form")]
pub struct Finding {
    #[serde(skip)]
    id: SegmentId,
    topic: Topic,
    phase: Arc<str>,
    text: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
}

impl Finding {
    /// What the phase of this name found.
    pub fn new(topic: Topic, phase: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let id = format!("{topic}-{}", Handle::of(&text)).into();
        Self { id, topic, phase: phase.into(), text, title: None, source: None }
    }

    /// States what it is called. A word of the title counts twice when it is
    /// [asked for](super::ContextAccumulator::inject).
    pub fn with_title(mut self, title: impl Into<Arc<str>>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// States where it was found. Its name counts as a part of the title.
    pub fn with_source(mut self, source: Source) -> Self {
        self.source = Some(source);
        self
    }

    /// Names it by its topic and the digest of its text, and so the segment that it becomes too:
    /// findings that are the same have the same id, in every process.
    pub fn id(&self) -> &SegmentId {
        &self.id
    }

    /// What it is about.
    pub fn topic(&self) -> Topic {
        self.topic
    }

    /// The phase that found it.
    pub fn phase(&self) -> &str {
        &self.phase
    }

    /// What was found.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// What it is called, if the phase said so.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// Where it was found, if the phase said so.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// The line that stands above its text: the topic, the title and the source.
    pub fn heading(&self) -> String {
        let mut heading = self.topic.heading().to_owned();
        if let Some(title) = &self.title {
            heading.push_str(": ");
            heading.push_str(&one_line(title));
        }
        if let Some(source) = &self.source {
            heading.push_str(" (");
            heading.push_str(&one_line(&source.to_string()));
            heading.push(')');
        }
        heading
    }

    /// What its words are weighed as beside the text.
    pub(super) fn title_words(&self) -> String {
        let source = self.source.as_ref().map_or("", Source::name);
        format!("{} {source}", self.title().unwrap_or_default())
    }

    /// The text as it is injected: the heading, and the text byte for byte, which ends with a line
    /// feed.
    pub(super) fn written(&self) -> String {
        let end = if self.text.ends_with('\n') { "" } else { "\n" };
        format!("{}\n{}{end}", self.heading(), self.text)
    }
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Deserialize)]
struct Form {
    topic: Topic,
    phase: Arc<str>,
    text: Arc<str>,
    #[serde(default)]
    title: Option<Arc<str>>,
    #[serde(default)]
    source: Option<Source>,
}

impl From<Form> for Finding {
    fn from(Form { topic, phase, text, title, source }: Form) -> Self {
        Self { title, source, ..Self::new(topic, phase, text) }
    }
}
