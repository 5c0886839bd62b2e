//! Combines JSON documents without decoding the values that are only copied.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

use crate::http::fields::{Fields, Value, field, write_name};
use micro_message::codec::{Kind, MessageDescriptor, Types};
use micro_message::internal::wrong_type;

/// Appends an object with the members of `body` and with `fields`, which override those of the
/// body.
pub(super) fn merge(
    fields: Fields,
    body: &[u8],
    (types, message): (&Types, Option<&MessageDescriptor>),
    out: &mut Vec<u8>,
) -> serde_json::Result<()> {
    let mut deserializer = Deserializer::from_slice(body);
    deserializer.deserialize_any(Merge {
        fields,
        types,
        message,
        out,
    })?;
    deserializer.end()
}

/// Checks that `body` is exactly one JSON value and appends it unchanged.
pub(super) fn copy(body: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let value: &RawValue = serde_json::from_slice(body)?;
    out.extend_from_slice(value.get().as_bytes());
    Ok(())
}

/// The value of a member of an object.
pub(super) fn find<'a>(json: &'a [u8], name: &str) -> serde_json::Result<Option<&'a RawValue>> {
    Deserializer::from_slice(json).deserialize_any(Find(name))
}

struct Merge<'a> {
    fields: Fields,
    types: &'a Types,
    message: Option<&'a MessageDescriptor>,
    out: &'a mut Vec<u8>,
}

impl Merge<'_> {
    fn finish(self, mut first: bool) {
        self.fields.write(&mut first, self.out);
        self.out.push(b'}');
    }
}

impl<'de> Visitor<'de> for Merge<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.out.push(b'{');
        self.finish(true);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        Err(wrong_type(text, &self))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.out.push(b'{');
        let mut first = true;
        let mut merged = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let known = self.message.and_then(|message| field(message, &name));
            let json_name = known.map_or(name.as_str(), |field| field.json_name.as_str());
            match self.fields.0.get(json_name) {
                Some(Value::Message(_)) => {
                    let Some(Value::Message(inner)) = self.fields.0.remove(json_name) else {
                        continue;
                    };
                    let message = known.and_then(|field| match &field.ty.kind {
                        Kind::Message(name) => self.types.messages().get(name),
                        _ => None,
                    });
                    let body = map.next_value::<&RawValue>()?.get().as_bytes();
                    write_name(json_name, &mut first, self.out);
                    merge(inner, body, (self.types, message), self.out)
                        .map_err(|error| A::Error::custom(format!("in `{json_name}`: {error}")))?;
                    merged.push(json_name.to_owned());
                }
                Some(_) => {
                    map.next_value::<IgnoredAny>()?;
                }
                None if merged.iter().any(|merged| merged == json_name) => {
                    return Err(A::Error::custom(format!("`{json_name}` is given twice")));
                }
                None => {
                    let value = map.next_value::<&RawValue>()?;
                    write_name(&name, &mut first, self.out);
                    self.out.extend_from_slice(value.get().as_bytes());
                }
            }
        }
        self.finish(first);
        Ok(())
    }
}

struct Find<'a>(&'a str);

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Err(wrong_type(text, &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}
