use serde_json::value::RawValue;

use super::Part;
use super::error::{MessageError, Place};
use super::json::{Object, array, is_string, string};
use super::reading::{Reading, texts_of};
use crate::segment::Kind;

/// The types of blocks whose field `text` is their text.
pub(super) const TEXT_TYPES: [&str; 1] = ["text"];

/// Reads the system prompt that stands beside the messages.
pub(super) fn read_system(
    system: &RawValue,
    place: &Place,
    reading: &mut Reading,
) -> Result<(), MessageError> {
    let mut head = reading.begin_system(system);
    if is_string(system) {
        let text = string(system, place)?;
        reading.text(&mut head, Part::Content, text);
        return Ok(());
    }
    let blocks = blocks(system, place)?;
    for (index, text) in texts_of(&blocks, place, &TEXT_TYPES)? {
        reading.text(&mut head, Part::Text(index), text);
    }
    Ok(())
}

pub(super) fn read_message(
    fields: &Object<'_>,
    json: &RawValue,
    place: &Place,
    reading: &mut Reading,
) -> Result<(), MessageError> {
    let role = fields.require_text("role", place)?;
    let kind = match &*role {
        "user" => Kind::User,
        "assistant" => Kind::Assistant,
        _ => return Err(MessageError::UnknownRole { place: place.field("role"), role }),
    };
    let content = fields.require("content", place)?;
    let mut head = reading.begin(fields, json, place, kind)?;
    let place = place.field("content");
    if is_string(content) {
        let text = string(content, &place)?;
        reading.text(&mut head, Part::Content, text);
        return Ok(());
    }
    for (index, json) in blocks(content, &place)?.into_iter().enumerate() {
        let place = place.item(index);
        let block = Object::read(json, &place)?;
        match &*block.require_text("type", &place)? {
            "text" => {
                let text = block.require_text("text", &place)?;
                reading.text(&mut head, Part::Text(index), text);
            }
            "tool_use" => {
                let id = block.require_text("id", &place)?;
                let name = block.require_text("name", &place)?;
                let input = block.require("input", &place)?;
                let text = format!("{name} {}", input.get());
                reading.call(&mut head, Part::Use(index), (id, &place.field("id")), text)?;
            }
            "tool_result" => {
                let call = block.require_text("tool_use_id", &place)?;
                let texts = read_result(&block, index, &place)?;
                reading.results(&mut head, (call, &place.field("tool_use_id")), texts)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_result(
    block: &Object<'_>,
    index: usize,
    place: &Place,
) -> Result<Vec<(Part, String)>, MessageError> {
    let place = place.field("content");
    let Some(content) = block.get("content") else {
        return Ok(vec![(Part::Result(index), String::new())]);
    };
    if is_string(content) {
        return Ok(vec![(Part::Result(index), string(content, &place)?)]);
    }
    let texts = texts_of(&blocks(content, &place)?, &place, &TEXT_TYPES)?;
    if texts.is_empty() {
        return Ok(vec![(Part::Result(index), String::new())]);
    }
    Ok(texts.into_iter().map(|(inner, text)| (Part::ResultText(index, inner), text)).collect())
}

fn blocks<'t>(content: &'t RawValue, place: &Place) -> Result<Vec<&'t RawValue>, MessageError> {
    array(content, place).map_err(|_| place.wrong_type("a string or an array of blocks"))
}
