use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The host's standing instructions.
    System,
    /// The person, or the program in their place.
    User,
    /// The model.
    Assistant,
    /// A tool that the model called.
    Tool,
}

/// What a segment's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// The system prompt.
    System,
    /// An instruction for the work at hand, such as a primer's.
    Instruction,
    /// A turn of the user.
    User,
    /// A turn of the model.
    Assistant,
    /// A call of a tool.
    ToolCall,
    /// What a called tool returned.
    ToolResult,
    /// A file of any other kind, or a part of one.
    File,
    /// Lines of a log.
    Log,
    /// A JSON document.
    Json,
    /// Source code.
    Code,
    /// A note or a finding.
    Note,
}

impl Kind {
    /// The role in which a segment of this kind usually speaks: material that the host adds speaks
    /// as the user.
    pub fn usual_role(self) -> Role {
        match self {
            Self::System | Self::Instruction => Role::System,
            Self::Assistant | Self::ToolCall => Role::Assistant,
            Self::ToolResult => Role::Tool,
            Self::User | Self::File | Self::Log | Self::Json | Self::Code | Self::Note => {
                Role::User
            }
        }
    }

    /// Whether it is a turn of the conversation, whose meaning is also its place: a second "yes"
    /// answers another question.
    pub(crate) fn is_turn(self) -> bool {
        matches!(self, Self::User | Self::Assistant)
    }
}

/// What a segment is kept before. A higher priority outranks any relevance.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Priority {
    /// Dropped first.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Dropped last.
    High,
}

/// Whether a segment may be dropped.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Retention {
    /// It may be dropped. The default.
    #[default]
    Droppable,
    /// It is kept byte for byte.
    Pinned,
}
