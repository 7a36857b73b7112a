use serde_json::value::RawValue;

use super::Part;
use super::error::{MessageError, Place};
use super::json::{Object, array, is_string, string};
use super::reading::{Head, Reading, texts_of};
use crate::segment::{Kind, Role};

/// The types of parts whose field `text` is their text.
pub(super) const TEXT_TYPES: [&str; 3] = ["text", "input_text", "output_text"];
/// What may stand in the place of an assistant's content.
const INSTEAD: [&str; 4] = ["tool_calls", "function_call", "refusal", "audio"];

pub(super) fn read_message(
    fields: &Object<'_>,
    json: &RawValue,
    place: &Place,
    reading: &mut Reading,
) -> Result<(), MessageError> {
    let role = fields.require_text("role", place)?;
    let kind = match &*role {
        "system" => Kind::System,
        "developer" => Kind::Instruction,
        "user" => Kind::User,
        "assistant" => Kind::Assistant,
        "tool" | "function" => Kind::ToolResult,
        _ => return Err(MessageError::UnknownRole { place: place.field("role"), role }),
    };
    let mut head = reading.begin(fields, json, place, kind)?;
    let may_lack_content =
        kind == Kind::Assistant && INSTEAD.iter().any(|name| fields.get(name).is_some());
    let texts = match fields.get("content") {
        None if may_lack_content => Vec::new(),
        None => return Err(MessageError::MissingField { place: place.field("content") }),
        Some(content) => read_content(content, &place.field("content"))?,
    };
    match &*role {
        "assistant" => {
            // An empty content beside calls says nothing.
            let is_said = |part: Part, text: &str| {
                part != Part::Content || !text.is_empty() || !may_lack_content
            };
            for (part, text) in texts {
                if is_said(part, &text) {
                    reading.text(&mut head, part, text);
                }
            }
            read_calls(fields, place, &mut head, reading)?;
        }
        "tool" | "function" => {
            head.role = Role::Tool;
            let texts = if texts.is_empty() { vec![(Part::Content, String::new())] } else { texts };
            match answered(&role, fields, place, reading)? {
                Some((call, place)) => reading.results(&mut head, (call, &place), texts)?,
                None => {
                    for (part, text) in texts {
                        reading.document(&mut head, part, text);
                    }
                }
            }
        }
        _ => {
            for (part, text) in texts {
                reading.text(&mut head, part, text);
            }
        }
    }
    Ok(())
}

fn read_content(content: &RawValue, place: &Place) -> Result<Vec<(Part, String)>, MessageError> {
    if is_string(content) {
        return Ok(vec![(Part::Content, string(content, place)?)]);
    }
    let parts: Vec<&RawValue> =
        array(content, place).map_err(|_| place.wrong_type("a string or an array of parts"))?;
    let texts = texts_of(&parts, place, &TEXT_TYPES)?;
    Ok(texts.into_iter().map(|(index, text)| (Part::Text(index), text)).collect())
}

fn read_calls(
    fields: &Object<'_>,
    place: &Place,
    head: &mut Head,
    reading: &mut Reading,
) -> Result<(), MessageError> {
    if let Some(calls) = fields.get("tool_calls") {
        let place = place.field("tool_calls");
        for (index, json) in array(calls, &place)?.into_iter().enumerate() {
            let place = place.item(index);
            let call = Object::read(json, &place)?;
            let id = call.require_text("id", &place)?;
            let text = match call.get("function") {
                Some(function) => text_of_function(function, &place.field("function"))?,
                // A call of another type is kept as it is.
                None => json.get().to_owned(),
            };
            reading.call(head, Part::Call(index), (id, &place.field("id")), text)?;
        }
    }
    if let Some(function) = fields.get("function_call") {
        let place = place.field("function_call");
        let text = text_of_function(function, &place)?;
        let name = Object::read(function, &place)?.require_text("name", &place)?;
        let call = reading.open_function(name, &place);
        reading.call(head, Part::FunctionCall, (call, &place), text)?;
    }
    Ok(())
}

fn text_of_function(function: &RawValue, place: &Place) -> Result<String, MessageError> {
    let function = Object::read(function, place)?;
    let name = function.require_text("name", place)?;
    let arguments = function.require_text("arguments", place)?;
    Ok(format!("{name} {arguments}"))
}

/// The call that a result answers; none where it is a document.
fn answered(
    role: &str,
    fields: &Object<'_>,
    place: &Place,
    reading: &mut Reading,
) -> Result<Option<(String, Place)>, MessageError> {
    if role == "function" {
        let name = fields.text("name", place)?.unwrap_or_default();
        return Ok(reading.close_function(&name).map(|call| (call, place.field("name"))));
    }
    let call = fields.text("tool_call_id", place)?;
    Ok(call.map(|call| (call, place.field("tool_call_id"))))
}
