//! What is to be reduced.

use std::io::{self, Read as _};
use std::path::Path;

use maniple::context::messages::Transcript;
use maniple::context::{Kind, Segment, Source};

use crate::command::InputKind;
use crate::problem::Problem;

/// A context, with what it takes to write it again.
#[derive(Debug, Clone)]
pub(crate) enum Context {
    /// A conversation, and what it says.
    Messages(Box<Transcript>, Vec<Segment>),
    /// One text.
    Text(Box<Segment>),
}

impl Context {
    /// Reads a context of this kind, or of the one that the text looks like.
    pub(crate) fn of(
        text: &str,
        name: Option<&str>,
        kind: Option<InputKind>,
    ) -> Result<Self, Problem> {
        let kind = kind.map_or_else(|| looks_like(text, name), InputKind::of_segment);
        match kind {
            None => Self::of_messages(text, None),
            Some(kind) => {
                let segment = Segment::new("text", kind, text);
                let segment = match name {
                    Some(name) => segment.with_source(Source::new(name)),
                    None => segment,
                };
                Ok(Self::Text(Box::new(segment)))
            }
        }
    }

    /// Reads messages whose documents are of this kind, or of whatever kind they look like.
    pub(crate) fn of_messages(json: &str, kind: Option<InputKind>) -> Result<Self, Problem> {
        let transcript = Transcript::openai(json)?;
        let kind = kind.and_then(InputKind::of_segment);
        let typed = |segment: &Segment| match kind {
            Some(kind) if segment.kind() == Kind::File => segment.clone().with_kind(kind),
            _ => segment.clone(),
        };
        let segments = transcript.segments().iter().map(typed).collect();
        Ok(Self::Messages(Box::new(transcript), segments))
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        match self {
            Self::Messages(_, segments) => segments,
            Self::Text(segment) => std::slice::from_ref(segment),
        }
    }
}

/// The kind of a text; none where it is a conversation.
fn looks_like(text: &str, name: Option<&str>) -> Option<Kind> {
    let kind = Kind::detect(text, name);
    let is_conversation = kind == Kind::Json && Transcript::openai(text).is_ok();
    (!is_conversation).then_some(kind)
}

/// The text of a file or of the standard input, with the file's name.
pub(crate) fn read(path: Option<&Path>) -> Result<(String, Option<String>), Problem> {
    let mut bytes = Vec::new();
    let name = match path {
        Some(path) => {
            bytes = std::fs::read(path)
                .map_err(|source| Problem::Read { path: path.to_owned(), source })?;
            Some(path.display().to_string())
        }
        None => {
            io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|source| Problem::ReadInput { source })?;
            None
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok((text, name)),
        Err(error) => Err(Problem::NotText {
            name: name.unwrap_or_else(|| "the standard input".to_owned()),
            at: error.utf8_error().valid_up_to(),
        }),
    }
}
