//! The transcript that is replayed.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use maniple::context::messages::Transcript;
use maniple::context::{Role, Segment};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::command::{Command, Style};
use crate::generate::generate;
use crate::problem::Problem;

/// A transcript, and what it is called.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    transcript: Transcript,
}

impl Recorded {
    /// Reads the file that is given, or makes a transcript up.
    pub(crate) fn read(command: &Command) -> Result<Self, Problem> {
        let (name, json) = match command.file() {
            None => {
                let name = format!("a made-up transcript of seed {}", command.seed);
                (name, generate(command.seed, command.turns).to_string())
            }
            Some(path) => {
                let name = name(path);
                let bytes =
                    bytes(path).map_err(|source| Problem::Read { name: name.clone(), source })?;
                match String::from_utf8(bytes) {
                    Ok(json) => (name, json),
                    Err(error) => {
                        let at = error.utf8_error().valid_up_to();
                        return Err(Problem::NotText { name, at });
                    }
                }
            }
        };
        let transcript = match command.style.unwrap_or_else(|| looks_like(&json)) {
            Style::Openai => Transcript::openai(&json),
            Style::Anthropic => Transcript::anthropic(&json),
        };
        let transcript =
            transcript.map_err(|source| Problem::Messages { name: name.clone(), source })?;
        let recorded = Self { name, transcript };
        let after_the_first = recorded.messages().skip_while(|message| message.is_empty()).skip(1);
        if after_the_first.into_iter().any(is_answer) {
            return Ok(recorded);
        }
        let messages = recorded.messages().count();
        Err(Problem::NoTurn { name: recorded.name, messages })
    }

    /// The segments of each message.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &[Segment]> {
        self.transcript.messages()
    }

    /// All of them.
    pub(crate) fn segments(&self) -> &[Segment] {
        self.transcript.segments()
    }
}

/// Whether a message is an answer of the assistant, so that what stands before it was sent.
pub(crate) fn is_answer(message: &[Segment]) -> bool {
    message.first().is_some_and(|segment| segment.role() == Role::Assistant)
}

fn name(path: &Path) -> String {
    if path == Path::new("-") {
        return "the standard input".to_owned();
    }
    path.display().to_string()
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return fs::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Anthropic's where there is something that only they have. What is no JSON is `OpenAI`'s, who say
/// where it is wrong.
fn looks_like(json: &str) -> Style {
    let messages = match serde_json::from_str(json) {
        Ok(Given::Request { system: Some(_), .. }) => return Style::Anthropic,
        Ok(Given::Request { messages, .. } | Given::Messages(messages)) => messages,
        Err(_) => return Style::Openai,
    };
    let is_anthropic = |part: &Part| {
        ["tool_use", "tool_result", "thinking"].contains(&part.kind.as_deref().unwrap_or_default())
    };
    let mut contents = messages.into_iter().filter_map(|message| message.content);
    let found = contents.any(|content| match content {
        Content::Parts(parts) => parts.iter().any(is_anthropic),
        Content::Other(_) => false,
    });
    if found { Style::Anthropic } else { Style::Openai }
}

/// As much of a transcript as tells whose it is.
#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Messages(Vec<Message>),
    Request { system: Option<IgnoredAny>, messages: Vec<Message> },
}

#[derive(Deserialize)]
struct Message {
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Parts(Vec<Part>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: Option<String>,
}
