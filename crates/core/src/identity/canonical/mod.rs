//! JSON with one spelling for each value, for digests.
//!
//! It differs from plain JSON in two places: a float is written as `f` and the hexadecimal digits of
//! its bits, eight or sixteen of them, and bytes as `b` and their digits; so `1` and `1.0` differ, and every `NaN`
//! is itself. A map key of any type is the text of its own canonical form.

#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use serde::ser::{self, Serialize};

use crate::scratch::push_number;

/// Writes the canonical form of a value; with `sort` off, maps keep the order in which they were
/// given.
pub(super) fn canonical<T: Serialize + ?Sized>(
    value: &T,
    sort: bool,
    out: &mut String,
) -> Result<(), Error> {
    let mut writer = Writer { out: std::mem::take(out), sort };
    value.serialize(&mut writer)?;
    *out = writer.out;
    Ok(())
}

#[derive(Debug)]
pub(super) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Writer {
    out: String,
    sort: bool,
}

impl Writer {
    fn string(&mut self, text: &str) {
        self.out.push('"');
        // What most texts begin with, and often all there is to them.
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        let plain = text.bytes().take_while(is_plain).count();
        self.out.push_str(&text[..plain]);
        for c in text[plain..].chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                c if c.is_control() => self.display(format_args!("\\u{:04x}", u32::from(c))),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn display(&mut self, value: impl fmt::Display) {
        write!(self.out, "{value}").expect("writing to a string does not fail");
    }

    fn signed(&mut self, value: impl Into<i64>) {
        let value = value.into();
        if value < 0 {
            self.out.push('-');
        }
        push_number(&mut self.out, value.unsigned_abs());
    }

    fn unsigned(&mut self, value: impl Into<u64>) {
        push_number(&mut self.out, value.into());
    }

    fn apart<T: Serialize + ?Sized>(&self, value: &T) -> Result<String, Error> {
        let mut inner = String::new();
        canonical(value, self.sort, &mut inner)?;
        Ok(inner)
    }

    fn open_variant(&mut self, variant: &str) {
        self.out.push('{');
        self.string(variant);
        self.out.push(':');
    }
}

macro_rules! write_by {
    ($write:ident, $($method:ident: $type:ty),*) => {$(
        fn $method(self, value: $type) -> Result<(), Error> {
            self.$write(value);
            Ok(())
        }
    )*};
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = Map<'a>;
    type SerializeStruct = Map<'a>;
    type SerializeStructVariant = Map<'a>;

    write_by!(display, serialize_bool: bool, serialize_i128: i128, serialize_u128: u128);
    write_by!(
        signed, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64
    );
    write_by!(
        unsigned, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    );

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.display(format_args!("f{:08x}", value.to_bits()));
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.display(format_args!("f{:016x}", value.to_bits()));
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.string(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.string(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.out.push('b');
        for byte in value {
            self.display(format_args!("{byte:02x}"));
        }
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.out.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.string(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.open_variant(variant);
        value.serialize(&mut *self)?;
        self.out.push('}');
        Ok(())
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<List<'a>, Error> {
        Ok(List::open(self, "]"))
    }

    fn serialize_tuple(self, _len: usize) -> Result<List<'a>, Error> {
        Ok(List::open(self, "]"))
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<List<'a>, Error> {
        Ok(List::open(self, "]"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<List<'a>, Error> {
        self.open_variant(variant);
        Ok(List::open(self, "]}"))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Map<'a>, Error> {
        Ok(Map::open(self, "}"))
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Map<'a>, Error> {
        Ok(Map::open(self, "}"))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Map<'a>, Error> {
        self.open_variant(variant);
        Ok(Map::open(self, "}}"))
    }
}

struct List<'a> {
    writer: &'a mut Writer,
    first: bool,
    close: &'static str,
}

impl<'a> List<'a> {
    fn open(writer: &'a mut Writer, close: &'static str) -> Self {
        writer.out.push('[');
        Self { writer, first: true, close }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if !std::mem::take(&mut self.first) {
            self.writer.out.push(',');
        }
        value.serialize(&mut *self.writer)
    }

    fn finish(self) {
        self.writer.out.push_str(self.close);
    }
}

macro_rules! list {
    ($($trait:ident::$method:ident),*) => {$(
        impl ser::$trait for List<'_> {
            type Ok = ();
            type Error = Error;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }
            fn end(self) -> Result<(), Error> {
                self.finish();
                Ok(())
            }
        }
    )*};
}
list!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

struct Map<'a> {
    writer: &'a mut Writer,
    entries: Vec<(String, String)>,
    close: &'static str,
}

impl<'a> Map<'a> {
    fn open(writer: &'a mut Writer, close: &'static str) -> Self {
        Self { writer, entries: Vec::new(), close }
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        let value = self.writer.apart(value)?;
        self.entries.push((self.writer.apart(key)?, value));
        Ok(())
    }

    fn finish(mut self) {
        if self.writer.sort {
            self.entries.sort();
        }
        self.writer.out.push('{');
        for (i, (key, value)) in self.entries.iter().enumerate() {
            if i > 0 {
                self.writer.out.push(',');
            }
            self.writer.out.push_str(key);
            self.writer.out.push(':');
            self.writer.out.push_str(value);
        }
        self.writer.out.push_str(self.close);
    }
}

impl ser::SerializeMap for Map<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let key = self.writer.apart(key)?;
        self.entries.push((key, String::new()));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let value = self.writer.apart(value)?;
        match self.entries.last_mut() {
            Some(entry) => entry.1 = value,
            None => return Err(ser::Error::custom("a map value came before its key")),
        }
        Ok(())
    }

    fn end(self) -> Result<(), Error> {
        self.finish();
        Ok(())
    }
}

macro_rules! fields {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Map<'_> {
            type Ok = ();
            type Error = Error;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.field(key, value)
            }
            fn end(self) -> Result<(), Error> {
                self.finish();
                Ok(())
            }
        }
    )*};
}
fields!(SerializeStruct, SerializeStructVariant);
