//! The parts that a context is made of.

mod cache;
mod detect;
mod ids;
mod kind;
mod pieces;
mod source;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use ids::{PairId, SegmentId};
pub use kind::{Kind, Priority, Retention, Role};
pub(crate) use pieces::{Cut, Pieces, Shown};
pub use source::{LineRange, Source};

use crate::count::TokenCounter;
use cache::CachedCount;

/// One part of a context: a message, a tool call or its result, a file or a block of one, a log.
///
/// It is cheap to clone: texts are shared. Its token count is measured once per encoding and kept
/// with it; clones keep it too, the serialized form does not.
///
/// ```
/// use maniple_context::{Kind, LineRange, Role, Segment, Source};
///
/// let source = Source::new("src/retry.rs").with_lines(LineRange::new(10, 12).expect("10 <= 12"));
/// let segment = Segment::new("retry", Kind::Code, "fn retry() {\n    todo!()\n}\n")
///     .with_source(source)
///     .pinned();
/// assert_eq!(segment.role(), Role::User);
/// assert_eq!(segment.source().map(ToString::to_string).as_deref(), Some("src/retry.rs:10-12"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    id: SegmentId,
    role: Role,
    kind: Kind,
    text: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Arc<Source>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    speaker: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<Arc<str>>,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    retention: Retention,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pair: Option<PairId>,
    #[serde(skip)]
    counted: CachedCount,
}

impl Segment {
    /// A segment of normal priority that may be dropped, in the role that its kind usually has.
    pub fn new(id: impl Into<SegmentId>, kind: Kind, text: impl Into<Arc<str>>) -> Self {
        Self {
            id: id.into(),
            role: kind.usual_role(),
            kind,
            text: text.into(),
            source: None,
            speaker: None,
            time: None,
            priority: Priority::default(),
            retention: Retention::default(),
            pair: None,
            counted: CachedCount::default(),
        }
    }

    /// A call of a tool. Until a [result](Self::tool_result) of the same pair stands in the
    /// context, the call is pending and is kept as if it were pinned.
    pub fn tool_call(
        id: impl Into<SegmentId>,
        pair: impl Into<PairId>,
        text: impl Into<Arc<str>>,
    ) -> Self {
        Self::new(id, Kind::ToolCall, text).with_pair(pair)
    }

    /// The result of the call of the same pair. The two are kept or dropped together.
    pub fn tool_result(
        id: impl Into<SegmentId>,
        pair: impl Into<PairId>,
        text: impl Into<Arc<str>>,
    ) -> Self {
        Self::new(id, Kind::ToolResult, text).with_pair(pair)
    }

    /// The same text as another kind, in the same role.
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self.counted = CachedCount::default();
        self
    }

    /// Speaks in another role than the kind's usual one.
    pub fn with_role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// States where the text was read.
    pub fn with_source(mut self, source: Source) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Names who speaks, where the role alone does not tell: one of several people, a tool.
    pub fn with_speaker(mut self, speaker: impl Into<Arc<str>>) -> Self {
        self.speaker = Some(speaker.into());
        self
    }

    /// States when it was said, in the host's words.
    pub fn with_time(mut self, time: impl Into<Arc<str>>) -> Self {
        self.time = Some(time.into());
        self
    }

    /// Kept before everything of a lower priority, whatever the query says.
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Kept or dropped together with every segment of the same pair.
    pub fn with_pair(mut self, pair: impl Into<PairId>) -> Self {
        self.pair = Some(pair.into());
        self
    }

    /// Never dropped and never changed, byte for byte.
    pub fn pinned(mut self) -> Self {
        self.retention = Retention::Pinned;
        self
    }

    /// The id, unique in a context.
    pub fn id(&self) -> &SegmentId {
        &self.id
    }

    /// Who speaks.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What the text is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The text.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Where the text was read, if the host said so.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_deref()
    }

    /// The name of who speaks, if the host said so.
    pub fn speaker(&self) -> Option<&str> {
        self.speaker.as_deref()
    }

    /// When it was said, if the host said so.
    pub fn time(&self) -> Option<&str> {
        self.time.as_deref()
    }

    /// What it is kept before.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Whether it may be dropped.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// Whether it is [pinned](Self::pinned).
    pub fn is_pinned(&self) -> bool {
        self.retention == Retention::Pinned
    }

    /// The pair whose fate it shares.
    pub fn pair(&self) -> Option<&PairId> {
        self.pair.as_ref()
    }

    /// The tokens of the text, without what a provider adds around a message.
    ///
    /// Counted at the first call and kept for this counter's encoding; a counter of another
    /// encoding counts anew at each call.
    pub fn tokens(&self, counter: &dyn TokenCounter) -> usize {
        self.pieces(counter).whole()
    }

    /// The pieces of the text, counted.
    pub(crate) fn pieces(&self, counter: &dyn TokenCounter) -> Arc<Pieces> {
        self.counted.get_or_count(counter, self.kind, &self.text)
    }

    /// The same segment, kept as another one is: by its retention and priority.
    pub(crate) fn kept_as(mut self, other: &Self) -> Self {
        (self.retention, self.priority) = (other.retention, other.priority);
        self
    }

    /// The same segment with another text.
    pub(crate) fn with_text(&self, text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), counted: CachedCount::default(), ..self.clone() }
    }
}
