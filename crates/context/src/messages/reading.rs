//! What readers of both styles gather.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use super::error::{MessageError, Place};
use super::json::{Object, scalar, string};
use super::{Form, Message, Part, Slot};
use crate::segment::{Kind, PairId, Role, Segment, Source};

/// A transcript as far as it is read.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) messages: Vec<Message>,
    pub(super) segments: Vec<Segment>,
    pub(super) slots: Vec<Slot>,
    pub(super) has_ids: bool,
    /// Ids of messages, and of segments as they are made.
    ids: HashSet<String>,
    /// For each call whether it is answered.
    calls: HashMap<String, bool>,
    /// Calls of functions that only their names tell apart: those not yet answered.
    functions: Vec<(String, String)>,
}

/// What a message says of each of its segments.
pub(super) struct Head {
    id: String,
    is_given: bool,
    parts: usize,
    pub(super) kind: Kind,
    pub(super) role: Role,
    pinned: bool,
    name: Option<String>,
    time: Option<String>,
}

impl Reading {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Takes the ids that messages have, so that none is made up that is there.
    pub(super) fn reserve_ids<'o>(
        &mut self,
        messages: impl Iterator<Item = (&'o Object<'o>, &'o Place)>,
    ) -> Result<(), MessageError> {
        for (fields, place) in messages {
            let Some(id) = fields.get("id") else { continue };
            let place = place.field("id");
            let id = scalar(id, &place)?;
            if !self.ids.insert(id.clone()) {
                return Err(MessageError::IdTwice { place, id });
            }
            self.has_ids = true;
        }
        Ok(())
    }

    /// Begins a message.
    pub(super) fn begin(
        &mut self,
        fields: &Object<'_>,
        json: &RawValue,
        place: &Place,
        kind: Kind,
    ) -> Result<Head, MessageError> {
        let id = fields.get("id").map(|id| scalar(id, &place.field("id"))).transpose()?;
        let is_given = id.is_some();
        let index = place.message.unwrap_or_default();
        let pinned = match fields.get("pinned").map(RawValue::get) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(place.field("pinned").wrong_type("true or false")),
        };
        let form = if kind == Kind::User { Form::User } else { Form::Other };
        self.push_message(json, form);
        Ok(Head {
            id: id.unwrap_or_else(|| index.to_string()),
            is_given,
            parts: 0,
            kind,
            role: kind.usual_role(),
            pinned,
            name: fields.text("name", place)?,
            time: fields.get("time").map(|time| scalar(time, &place.field("time"))).transpose()?,
        })
    }

    /// Begins a request's system prompt.
    pub(super) fn begin_system(&mut self, json: &RawValue) -> Head {
        self.push_message(json, Form::System);
        Head {
            id: "system".to_owned(),
            is_given: false,
            parts: 0,
            kind: Kind::System,
            role: Role::System,
            pinned: false,
            name: None,
            time: None,
        }
    }

    fn push_message(&mut self, json: &RawValue, form: Form) {
        self.messages.push(Message { json: json.to_owned(), form, first: self.segments.len() });
    }

    /// A text of the message.
    pub(super) fn text(&mut self, head: &mut Head, part: Part, text: String) {
        let segment = Segment::new(self.next_id(head), head.kind, text);
        let segment = segment.with_role(head.role);
        let segment = match &head.name {
            Some(name) => segment.with_speaker(name.as_str()),
            None => segment,
        };
        self.push(head, part, segment);
    }

    /// A text that is material: its name is its source.
    pub(super) fn document(&mut self, head: &mut Head, part: Part, text: String) {
        let kind = Kind::detect(&text, head.name.as_deref());
        let segment = Segment::new(self.next_id(head), kind, text).with_role(Role::Tool);
        let segment = match &head.name {
            Some(name) => segment.with_source(Source::new(name.as_str())),
            None => segment,
        };
        self.push(head, part, segment);
    }

    /// A call, whose id must be new.
    pub(super) fn call(
        &mut self,
        head: &mut Head,
        part: Part,
        call: (String, &Place),
        text: String,
    ) -> Result<(), MessageError> {
        let (call, place) = call;
        if self.calls.insert(call.clone(), false).is_some() {
            return Err(MessageError::CallTwice { place: place.clone(), call });
        }
        let segment = Segment::tool_call(self.next_id(head), call, text);
        self.push(head, part, segment);
        Ok(())
    }

    /// The id of a call that has none.
    pub(super) fn open_function(&mut self, name: String, place: &Place) -> String {
        let call = format!("function_call {}", place.message.unwrap_or_default());
        self.functions.push((name, call.clone()));
        call
    }

    /// The last open call of a function.
    pub(super) fn close_function(&mut self, name: &str) -> Option<String> {
        let at = self.functions.iter().rposition(|(function, _)| function == name)?;
        Some(self.functions.remove(at).1)
    }

    /// The results that a call has, which must stand before them and be answered here alone.
    pub(super) fn results(
        &mut self,
        head: &mut Head,
        call: (String, &Place),
        texts: Vec<(Part, String)>,
    ) -> Result<(), MessageError> {
        let (call, place) = call;
        match self.calls.get_mut(&call) {
            None => return Err(MessageError::ResultWithoutCall { place: place.clone(), call }),
            Some(true) => return Err(MessageError::AnsweredTwice { place: place.clone(), call }),
            Some(answered) => *answered = true,
        }
        let pair = PairId::from(call);
        for (part, text) in texts {
            let segment = Segment::tool_result(self.next_id(head), pair.clone(), text);
            let segment = match &head.name {
                Some(name) => segment.with_speaker(name.as_str()),
                None => segment,
            };
            self.push(head, part, segment);
        }
        Ok(())
    }

    fn push(&mut self, head: &Head, part: Part, segment: Segment) {
        let segment = match &head.time {
            Some(time) => segment.with_time(time.as_str()),
            None => segment,
        };
        self.segments.push(if head.pinned { segment.pinned() } else { segment });
        self.slots.push(Slot { message: self.messages.len() - 1, part });
    }

    fn next_id(&mut self, head: &mut Head) -> String {
        let part = head.parts;
        head.parts += 1;
        if part == 0 && head.is_given {
            return head.id.clone();
        }
        let mut id = if part == 0 { head.id.clone() } else { format!("{}.{part}", head.id) };
        while !self.ids.insert(id.clone()) {
            id.push('\'');
        }
        id
    }
}

/// The texts among the parts of a content, by their indices.
pub(super) fn texts_of(
    parts: &[&RawValue],
    place: &Place,
    types: &[&str],
) -> Result<Vec<(usize, String)>, MessageError> {
    let mut texts = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let place = place.item(index);
        let part = Object::read(part, &place)?;
        let kind = string(part.require("type", &place)?, &place.field("type"))?;
        if types.contains(&&*kind) {
            texts.push((index, part.require_text("text", &place)?));
        }
    }
    Ok(texts)
}
