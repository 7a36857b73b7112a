use std::fmt;

use maniple_core::{Class, Classify};

use crate::segment::{PairId, SegmentId};

/// Where in a transcript something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The message, counted from 0; none where it is beside the messages.
    pub message: Option<usize>,
    /// The JSON path, such as `$[3].tool_calls[0].id`.
    pub path: String,
}

impl Place {
    pub(super) fn root() -> Self {
        Self { message: None, path: "$".to_owned() }
    }

    pub(super) fn field(&self, name: &str) -> Self {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let path = if is_plain && !name.is_empty() {
            format!("{}.{name}", self.path)
        } else {
            format!("{}[{name:?}]", self.path)
        };
        Self { path, ..*self }
    }

    pub(super) fn item(&self, index: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), ..*self }
    }

    pub(super) fn message(&self, index: usize) -> Self {
        Self { message: Some(index), ..self.item(index) }
    }

    pub(super) fn wrong_type(&self, expected: &'static str) -> MessageError {
        MessageError::WrongType { place: self.clone(), expected }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// Why a transcript could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The text is no JSON.
    #[error("cannot read messages: line {line}, column {column} is not JSON")]
    Malformed {
        /// The line, counted from 1.
        line: usize,
        /// The column in bytes, counted from 1.
        column: usize,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// Arrays and objects are nested too deep.
    #[error("cannot read messages: more than {limit} arrays and objects are nested at line {line}")]
    TooDeep {
        /// The line, counted from 1.
        line: usize,
        /// How deep they may be nested.
        limit: usize,
    },
    /// The text is JSON, but neither an array nor an object with `messages`.
    #[error("cannot read messages: give an array of them, or an object with the array `messages`")]
    NotMessages,
    /// A field is of another type than it must be.
    #[error("cannot read messages: {place} is not {expected}")]
    WrongType {
        /// The field.
        place: Place,
        /// What it must be.
        expected: &'static str,
    },
    /// A field is absent or null.
    #[error("cannot read messages: {place} is missing")]
    MissingField {
        /// The field.
        place: Place,
    },
    /// An object has one field twice.
    #[error("cannot read messages: {place} is there twice")]
    FieldTwice {
        /// The field.
        place: Place,
    },
    /// A role that messages of this style do not have.
    #[error("cannot read messages: {place} is the unknown role {role:?}")]
    UnknownRole {
        /// The field.
        place: Place,
        /// Its text.
        role: String,
    },
    /// Two messages have one id.
    #[error("cannot read messages: {place} is {id:?}, as is the id of an earlier message")]
    IdTwice {
        /// The second one.
        place: Place,
        /// The shared id.
        id: String,
    },
    /// Two tool calls have one id, so that their results cannot be told apart.
    #[error("cannot read messages: {place} is {call:?}, as is the id of an earlier tool call")]
    CallTwice {
        /// The second one.
        place: Place,
        /// The shared id.
        call: String,
    },
    /// A tool result names a call that does not stand before it.
    #[error("cannot read messages: {place} is {call:?}, and no tool call before it has that id")]
    ResultWithoutCall {
        /// Where the result names the call.
        place: Place,
        /// The id that it names.
        call: String,
    },
    /// A tool call is answered a second time.
    #[error("cannot read messages: {place} answers the tool call {call:?} a second time")]
    AnsweredTwice {
        /// Where the second result names the call.
        place: Place,
        /// The call's id.
        call: String,
    },
}

/// Why segments could not be written back as messages.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A segment of the transcript is there twice.
    #[error("cannot write messages: the segment {id:?} is there twice")]
    Twice {
        /// The segment.
        id: SegmentId,
    },
    /// A segment stands before one that it stood after in the transcript.
    #[error("cannot write messages: the segment {id:?} stands too late, keep the order")]
    OutOfOrder {
        /// The segment.
        id: SegmentId,
    },
    /// Only the call or only its result is left.
    #[error("cannot write messages: only one half of {pair:?} is left, keep or drop both")]
    BrokenPair {
        /// What the two share.
        pair: PairId,
    },
    /// A tool call has been changed to what is none.
    #[error(
        "cannot write messages: {id:?} no longer is a call of its tool, \
         keep the name before the first space and JSON after it"
    )]
    BrokenCall {
        /// The call.
        id: SegmentId,
    },
    /// A tool call or result has been added.
    #[error("cannot write messages: {id:?} is not of the transcript, only notes can be added")]
    ForeignCall {
        /// The segment.
        id: SegmentId,
    },
}

impl Classify for MessageError {
    fn class(&self) -> Class {
        Class::Permanent
    }
}

impl Classify for WriteError {
    fn class(&self) -> Class {
        Class::Permanent
    }
}
