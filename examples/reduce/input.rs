//! What is to be reduced.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use maniple::context::messages::Transcript;
use maniple::context::{Kind, Segment, Source};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Deserializer;

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
        text: String,
        name: Option<&str>,
        kind: Option<InputKind>,
    ) -> Result<Self, Problem> {
        let kind = kind.map_or_else(|| looks_like(&text, name), InputKind::of_segment);
        match kind {
            None => Self::of_messages(&text, None),
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

    /// What it was taken for.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Messages(_, segments) => format!("a conversation of {} parts", segments.len()),
            Self::Text(segment) => match segment.kind() {
                Kind::Log => "a log".to_owned(),
                Kind::Json => "a JSON document".to_owned(),
                Kind::Code => "source code".to_owned(),
                _ => "a text".to_owned(),
            },
        }
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        match self {
            Self::Messages(_, segments) => segments,
            Self::Text(segment) => std::slice::from_ref(segment),
        }
    }
}

/// The kind of a text; none where it is a conversation, be it a bad one.
fn looks_like(text: &str, name: Option<&str>) -> Option<Kind> {
    (!is_conversation(text)).then(|| Kind::detect(text, name))
}

/// Whether a text begins as an array of messages does, or is a request that has one.
fn is_conversation(text: &str) -> bool {
    let text = text.trim_start();
    if let Some(items) = text.strip_prefix('[') {
        let first = Deserializer::from_str(items).into_iter::<Message>().next();
        return first.and_then(Result::ok).is_some_and(|message| message.says_something());
    }
    text.starts_with('{')
        && serde_json::from_str::<Request>(text)
            .is_ok_and(|request| request.messages.iter().any(Message::says_something))
}

/// What tells a message from other objects.
#[derive(Debug, Deserialize)]
struct Message {
    #[serde(rename = "role")]
    _role: IgnoredAny,
    content: Option<IgnoredAny>,
    tool_calls: Option<IgnoredAny>,
    function_call: Option<IgnoredAny>,
}

impl Message {
    fn says_something(&self) -> bool {
        self.content.is_some() || self.tool_calls.is_some() || self.function_call.is_some()
    }
}

#[derive(Debug, Deserialize)]
struct Request {
    messages: Vec<Message>,
}

/// What is read: a file or the standard input.
pub(crate) struct Input {
    path: Option<String>,
    reader: Box<dyn BufRead>,
}

impl Input {
    /// The file, or the standard input where there is none.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Problem> {
        let Some(path) = path else {
            return Ok(Self { path: None, reader: Box::new(io::stdin().lock()) });
        };
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Ok(Self { path: Some(name), reader: Box::new(BufReader::new(file)) }),
            Err(source) => Err(Problem::Read { name, source }),
        }
    }

    /// What it is called in an error.
    pub(crate) fn name(&self) -> String {
        self.path.clone().unwrap_or_else(|| "the standard input".to_owned())
    }

    pub(crate) fn into_reader(self) -> Box<dyn BufRead> {
        self.reader
    }

    /// All of its text, and its path where it is a file.
    pub(crate) fn read(mut self) -> Result<(String, Option<String>), Problem> {
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(source) => return Err(Problem::Read { name: self.name(), source }),
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok((text, self.path)),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                Err(Problem::NotText { name: self.name(), at })
            }
        }
    }
}
