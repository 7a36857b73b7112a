//! JSON whose values are kept as they are written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::{MessageError, Place};

/// How deep a transcript may nest. What reads it next often stops at 128.
pub(super) const DEEPEST: usize = 120;

/// The fields of an object, in order.
pub(super) struct Object<'t> {
    fields: Vec<(String, &'t RawValue)>,
}

impl<'t> Object<'t> {
    /// Reads an object, of which no field may be there twice.
    pub(super) fn read(value: &'t RawValue, place: &Place) -> Result<Self, MessageError> {
        let object: Self =
            serde_json::from_str(value.get()).map_err(|_| place.wrong_type("an object"))?;
        let mut names: Vec<&str> = object.fields.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(MessageError::FieldTwice { place: place.field(pair[0]) }),
            None => Ok(object),
        }
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &'t RawValue)> {
        self.fields.iter().map(|(name, value)| (&**name, *value))
    }

    /// The field, unless it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&'t RawValue> {
        let field = self.fields.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| *value).filter(|value| value.get() != "null")
    }

    pub(super) fn require(&self, name: &str, place: &Place) -> Result<&'t RawValue, MessageError> {
        self.get(name).ok_or_else(|| MessageError::MissingField { place: place.field(name) })
    }

    /// The text of a field, unless it is absent or null.
    pub(super) fn text(&self, name: &str, place: &Place) -> Result<Option<String>, MessageError> {
        self.get(name).map(|value| string(value, &place.field(name))).transpose()
    }

    pub(super) fn require_text(&self, name: &str, place: &Place) -> Result<String, MessageError> {
        string(self.require(name, place)?, &place.field(name))
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object { fields })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

pub(super) fn is_string(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

pub(super) fn string(value: &RawValue, place: &Place) -> Result<String, MessageError> {
    serde_json::from_str(value.get()).map_err(|_| place.wrong_type("a string of Unicode text"))
}

pub(super) fn array<'t>(
    value: &'t RawValue,
    place: &Place,
) -> Result<Vec<&'t RawValue>, MessageError> {
    serde_json::from_str(value.get()).map_err(|_| place.wrong_type("an array"))
}

/// The text of a field that a host writes as a string or as a number.
pub(super) fn scalar(value: &RawValue, place: &Place) -> Result<String, MessageError> {
    match value.get().as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => Ok(value.get().to_owned()),
        Some(b'"') => string(value, place),
        _ => Err(place.wrong_type("a string or a number")),
    }
}

/// Whether a text is one JSON value.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An object of these fields, whose values are JSON.
pub(super) fn object<'f>(fields: impl IntoIterator<Item = (&'f str, impl AsRef<str>)>) -> String {
    let fields: Vec<String> = fields
        .into_iter()
        .map(|(name, value)| format!("{}:{}", quoted(name), value.as_ref()))
        .collect();
    format!("{{{}}}", fields.join(","))
}

/// The byte at which valid JSON nests too deep, if it does.
pub(super) fn too_deep(json: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut is_escaped = false;
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > DEEPEST {
                    return Some(at);
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}
