//! Changes in the JSON of one message.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Part;
use super::error::Place;
use super::json::{Object, array, is_json, object, quoted};

/// What became of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate<'s> {
    Gone,
    Same,
    Changed(&'s str),
}

/// What became of the segments of a message, of which one is left.
///
/// Where it fails, it names the call that no longer is one.
pub(super) struct Edit<'s> {
    parts: BTreeMap<Part, Fate<'s>>,
}

impl<'s> Edit<'s> {
    pub(super) fn new(parts: BTreeMap<Part, Fate<'s>>) -> Self {
        Self { parts }
    }

    pub(super) fn message(&self, json: &RawValue) -> Result<String, Part> {
        let message = read(json);
        let mut fields = Vec::new();
        for (name, value) in message.fields() {
            let value = match name {
                "content" => Some(self.content(value)?.unwrap_or_else(|| nothing(&message))),
                "tool_calls" => self.calls(value)?,
                "function_call" => self.part(Part::FunctionCall, value, called)?,
                _ => Some(value.get().to_owned()),
            };
            fields.extend(value.map(|value| (name, value)));
        }
        Ok(object(fields))
    }

    /// A content, unless nothing of it is left.
    pub(super) fn content(&self, content: &RawValue) -> Result<Option<String>, Part> {
        if self.parts.contains_key(&Part::Content) {
            return self.part(Part::Content, content, |_, text| Some(quoted(text)));
        }
        if !content.get().starts_with('[') {
            return Ok(Some(content.get().to_owned()));
        }
        Self::items(content, |index, part| self.block(index, part))
    }

    fn calls(&self, calls: &RawValue) -> Result<Option<String>, Part> {
        if !self.parts.contains_key(&Part::Call(0)) {
            return Ok(Some(calls.get().to_owned()));
        }
        Self::items(calls, |index, call| {
            self.part(Part::Call(index), call, |call, text| match read(call).get("function") {
                Some(function) => Some(with_field(call, "function", &called(function, text)?)),
                None => is_same_call(call, text).then(|| text.to_owned()),
            })
        })
    }

    fn block(&self, index: usize, block: &RawValue) -> Result<Option<String>, Part> {
        let part = |part| self.parts.contains_key(&part).then_some(part);
        if let Some(text) = part(Part::Text(index)) {
            return self.said(text, block);
        }
        if let Some(call) = part(Part::Use(index)) {
            return self.part(call, block, used);
        }
        if let Some(result) = part(Part::Result(index)) {
            return self.part(result, block, |block, text| {
                Some(with_field(block, "content", &quoted(text)))
            });
        }
        let inner = Part::ResultText(index, 0)..=Part::ResultText(index, usize::MAX);
        let mut fates = self.parts.range(inner).map(|(_, fate)| *fate);
        let is_result = fates.clone().next().is_some();
        if fates.clone().all(|fate| fate == Fate::Same) {
            return Ok(Some(block.get().to_owned()));
        }
        if is_result && fates.all(|fate| fate == Fate::Gone) {
            return Ok(None);
        }
        let result = read(block);
        let Some(content) = result.get("content") else {
            return Ok(Some(block.get().to_owned()));
        };
        let content =
            Self::items(content, |inner, part| self.said(Part::ResultText(index, inner), part))?;
        Ok(Some(with_field(block, "content", content.as_deref().unwrap_or(r#""""#))))
    }

    /// The items that are left of an array, if any are.
    fn items(
        items: &RawValue,
        edit: impl Fn(usize, &RawValue) -> Result<Option<String>, Part>,
    ) -> Result<Option<String>, Part> {
        let items = array(items, &Place::root()).expect("it was read as an array");
        let mut left = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            left.extend(edit(index, item)?);
        }
        Ok((!left.is_empty()).then(|| format!("[{}]", left.join(","))))
    }

    /// A block of text, unless what became of it says nothing: providers refuse such blocks.
    fn said(&self, part: Part, block: &RawValue) -> Result<Option<String>, Part> {
        if let Some(Fate::Changed(text)) = self.parts.get(&part)
            && text.trim().is_empty()
        {
            return Ok(None);
        }
        self.part(part, block, |block, text| Some(with_field(block, "text", &quoted(text))))
    }

    /// The value as what became of it says; what is no segment stays.
    fn part(
        &self,
        part: Part,
        value: &RawValue,
        change: impl Fn(&RawValue, &str) -> Option<String>,
    ) -> Result<Option<String>, Part> {
        match self.parts.get(&part) {
            None | Some(Fate::Same) => Ok(Some(value.get().to_owned())),
            Some(Fate::Gone) => Ok(None),
            Some(Fate::Changed(text)) => change(value, text).map(Some).ok_or(part),
        }
    }
}

/// The content of a message that says nothing any more: beside calls there need be none.
fn nothing(message: &Object<'_>) -> String {
    let makes_calls =
        ["tool_calls", "function_call"].iter().any(|name| message.get(name).is_some());
    if makes_calls { "null" } else { r#""""# }.to_owned()
}

/// Whether a text is a call of another type than of functions, which is its own text.
fn is_same_call(call: &RawValue, text: &str) -> bool {
    let id = |call| read(call).text("id", &Place::root()).ok().flatten();
    serde_json::from_str::<&RawValue>(text)
        .is_ok_and(|changed| changed.get().starts_with('{') && id(changed) == id(call))
}

/// A function of `OpenAI`'s that is called with other arguments.
fn called(function: &RawValue, text: &str) -> Option<String> {
    let arguments = arguments(function, text)?;
    Some(with_field(function, "arguments", &quoted(arguments)))
}

/// A tool of Anthropic's that is used with another input.
fn used(block: &RawValue, text: &str) -> Option<String> {
    let input = arguments(block, text)?;
    input.trim_start().starts_with('{').then(|| with_field(block, "input", input))
}

/// What a call's text says after the name.
fn arguments<'s>(named: &RawValue, text: &'s str) -> Option<&'s str> {
    let name = read(named).text("name", &Place::root()).ok()??;
    let arguments = text.strip_prefix(&name)?.strip_prefix(' ')?;
    is_json(arguments).then_some(arguments)
}

fn with_field(json: &RawValue, field: &str, value: &str) -> String {
    let fields = read(json);
    let has_field = fields.fields().any(|(name, _)| name == field);
    let added = (!has_field).then_some((field, value));
    let changed = |(name, old): (_, _)| {
        let old: &RawValue = old;
        (name, if name == field { value } else { old.get() })
    };
    object(fields.fields().map(changed).chain(added))
}

fn read(json: &RawValue) -> Object<'_> {
    Object::read(json, &Place::root()).expect("it was read as an object")
}
