//! Conversations as hosts keep them: the message JSON of `OpenAI` and of Anthropic, as segments and
//! back.

mod anthropic;
mod edit;
mod error;
mod json;
mod openai;
mod reading;
mod writing;

use serde_json::value::RawValue;

pub use error::{MessageError, Place, WriteError};

use crate::segment::{Kind, Priority, Segment};
use json::Object;
use reading::Reading;

/// A conversation in the JSON of a provider, and the [`Segment`]s that it holds.
///
/// It is read from an array of messages, or from a request with a field `messages`. What is not
/// read is kept as it is written: unknown fields and parts, images, key order, the text of numbers.
///
/// Segments are the texts of a message (one where its content is a string, else one for each part
/// that is text), its tool calls (`name`, a space, the arguments) and its tool results, which share
/// the call's pair. Parallel calls are pairs of their own, so any of them can go. The first segment
/// of a message is named by the message's `id`, or else by its index; further ones have `.1`, `.2`
/// and so on after it. `pinned`, `time` and `name` are read where a host adds them. A result whose
/// message names no call is a document, whose title is its `name` and whose kind is
/// [detected](crate::Kind::detect).
///
/// Instructions, and the last message of the user, have a [high priority](Priority::High): they stay
/// before everything else, if they fit.
///
/// What has no text (images, the model's thinking, parts of an unknown type) is no segment, is not
/// counted, and goes when the last segment of its message goes. A message without any segment
/// stays.
///
/// ```
/// use maniple_context::messages::Transcript;
///
/// let json = r#"[{"role":"user","content":"Is it up?","n":1.50},
///     {"role":"assistant","content":null,"tool_calls":[
///         {"id":"a","type":"function","function":{"name":"ping","arguments":"{}"}},
///         {"id":"b","type":"function","function":{"name":"date","arguments":"{}"}}]},
///     {"role":"tool","tool_call_id":"a","content":"yes"},
///     {"role":"tool","tool_call_id":"b","content":"Monday"}]"#;
/// let transcript = Transcript::openai(json)?;
/// let texts: Vec<&str> = transcript.segments().iter().map(|segment| &**segment.text()).collect();
/// assert_eq!(texts, ["Is it up?", "ping {}", "date {}", "yes", "Monday"]);
///
/// // Without the second call and its result.
/// let kept = [0, 1, 3].map(|at| transcript.segments()[at].clone());
/// let written = transcript.write(&kept)?;
/// assert!(written.starts_with(r#"[{"role":"user","content":"Is it up?","n":1.50},"#));
/// assert!(!written.contains("date") && !written.contains("Monday"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Transcript {
    style: Style,
    /// The fields beside the messages, with `None` where those and the system prompt stand; none
    /// at all where there is only an array.
    request: Option<Vec<(String, Option<Box<RawValue>>)>>,
    messages: Vec<Message>,
    segments: Vec<Segment>,
    /// For each segment where it stands.
    slots: Vec<Slot>,
    /// Whether messages say their ids, so that added ones do, too.
    has_ids: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    OpenAi,
    Anthropic,
}

/// A message as it is written, or a request's system prompt.
#[derive(Debug, Clone)]
struct Message {
    json: Box<RawValue>,
    form: Form,
    /// Its segments are those from here to the next message's.
    first: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The value of the field `system`.
    System,
    /// Of the user.
    User,
    /// Of anybody else.
    Other,
}

/// Where in the transcript a segment stands.
#[derive(Debug, Clone, Copy)]
struct Slot {
    message: usize,
    part: Part,
}

/// Where in its message a segment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// The content is the text.
    Content,
    /// The content's part of this index has it.
    Text(usize),
    /// It is this item of `tool_calls`.
    Call(usize),
    /// It is the `function_call`.
    FunctionCall,
    /// The content's part of this index is a call.
    Use(usize),
    /// The content's part of this index is a result, with all of its content.
    Result(usize),
    /// The content's part of this index is a result, of which the part of that index has the text.
    ResultText(usize, usize),
}

impl Transcript {
    /// Reads messages of `OpenAI`'s chat completions.
    ///
    /// Roles are `system`, `developer`, `user`, `assistant`, `tool` and `function`.
    ///
    /// # Errors
    /// Whatever `OpenAI` would refuse, as far as it concerns roles, contents, calls and results, with
    /// its place. A `tool` message without `tool_call_id` is taken, as a document.
    pub fn openai(json: &str) -> Result<Self, MessageError> {
        Self::read(Style::OpenAi, json)
    }

    /// Reads messages of Anthropic's messages API, and in a request the system prompt beside them.
    ///
    /// # Errors
    /// Whatever Anthropic would refuse, as far as it concerns roles, contents, calls and results,
    /// with its place.
    pub fn anthropic(json: &str) -> Result<Self, MessageError> {
        Self::read(Style::Anthropic, json)
    }

    /// [`openai`](Self::openai) for a value, whose key order and numbers are those that it has.
    ///
    /// # Errors
    /// Those of [`openai`](Self::openai).
    pub fn openai_value(value: &serde_json::Value) -> Result<Self, MessageError> {
        Self::openai(&value.to_string())
    }

    /// [`anthropic`](Self::anthropic) for a value, whose key order and numbers are those that it
    /// has.
    ///
    /// # Errors
    /// Those of [`anthropic`](Self::anthropic).
    pub fn anthropic_value(value: &serde_json::Value) -> Result<Self, MessageError> {
        Self::anthropic(&value.to_string())
    }

    /// The segments, in the order of the conversation.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segments of each message, in the order of the conversation: what a host adds turn by turn
    /// to a context that grows. A message without text has none.
    pub fn messages(&self) -> impl Iterator<Item = &[Segment]> {
        (0..self.messages.len()).map(|message| &self.segments[self.range(message)])
    }

    fn read(style: Style, json: &str) -> Result<Self, MessageError> {
        let mut reading = Reading::new();
        let mut request = None;
        let root = Place::root();
        if json.trim_start().starts_with('[') {
            let messages: Vec<&RawValue> = parse(json)?;
            check_depth(json)?;
            read_messages(style, &messages, &root, &mut reading)?;
        } else {
            let value: &RawValue = parse(json)?;
            check_depth(json)?;
            if !value.get().starts_with('{') {
                return Err(MessageError::NotMessages);
            }
            let fields = Object::read(value, &root)?;
            let system = fields.get("system").filter(|_| style == Style::Anthropic);
            let messages = fields.get("messages").ok_or(MessageError::NotMessages)?;
            let place = root.field("messages");
            let messages = json::array(messages, &place)?;
            if let Some(system) = system {
                anthropic::read_system(system, &root.field("system"), &mut reading)?;
            }
            read_messages(style, &messages, &place, &mut reading)?;
            let is_read = |name: &str| name == "messages" || (name == "system" && system.is_some());
            let field = |(name, value): (&str, &RawValue)| {
                (name.to_owned(), (!is_read(name)).then(|| value.to_owned()))
            };
            request = Some(fields.fields().map(field).collect());
        }
        let Reading { messages, mut segments, slots, has_ids, .. } = reading;
        raise_what_is_answered(&mut segments, &slots);
        Ok(Self { style, request, messages, segments, slots, has_ids })
    }
}

/// Whatever is relevant, a model must know its instructions, and what it is asked now.
fn raise_what_is_answered(segments: &mut [Segment], slots: &[Slot]) {
    let asked = segments.iter().rposition(|segment| segment.kind() == Kind::User);
    let asked = asked.map(|at| slots[at].message);
    for (segment, slot) in segments.iter_mut().zip(slots) {
        let is_asked = segment.kind() == Kind::User && Some(slot.message) == asked;
        if is_asked || matches!(segment.kind(), Kind::System | Kind::Instruction) {
            *segment = segment.clone().with_priority(Priority::High);
        }
    }
}

fn read_messages<'t>(
    style: Style,
    messages: &[&'t RawValue],
    place: &Place,
    reading: &mut Reading,
) -> Result<(), MessageError> {
    let places = (0..).map(|index| place.message(index));
    let objects: Vec<(Object<'t>, &RawValue, Place)> = messages
        .iter()
        .zip(places)
        .map(|(message, place)| Ok((Object::read(message, &place)?, *message, place)))
        .collect::<Result<_, MessageError>>()?;
    reading.reserve_ids(objects.iter().map(|(fields, _, place)| (fields, place)))?;
    for (fields, json, place) in &objects {
        match style {
            Style::OpenAi => openai::read_message(fields, json, place, reading)?,
            Style::Anthropic => anthropic::read_message(fields, json, place, reading)?,
        }
    }
    Ok(())
}

fn parse<'t, T: serde::Deserialize<'t>>(json: &'t str) -> Result<T, MessageError> {
    serde_json::from_str(json).map_err(|source| MessageError::Malformed {
        line: source.line(),
        column: source.column(),
        source,
    })
}

fn check_depth(json: &str) -> Result<(), MessageError> {
    let Some(at) = json::too_deep(json) else {
        return Ok(());
    };
    let line = 1 + json[..at].bytes().filter(|byte| *byte == b'\n').count();
    Err(MessageError::TooDeep { line, limit: json::DEEPEST })
}
