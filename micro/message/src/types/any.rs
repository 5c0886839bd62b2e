//! `google.protobuf.Any`: a message of any type, with its name.
//!
//! In JSON it is the message's own object with an additional `@type` field, so reading and writing
//! it requires the type to be known. The types marked `#[micro::message(any)]` and the well-known
//! types are known.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserializer, Serializer};
use serde_json::Value as Json;

use crate::codec::Message;
use crate::codec::excerpt::{excerpt, wrong_type};
use crate::codec::field::Field;
use crate::codec::json::Input;
use crate::codec::proto::{DecodeError, Reader};
use crate::codec::types::{FieldType, Kind, Types};
use crate::codec::well_known::{WellKnown, known};
use crate::error::{Error, Result};
use crate::types::mask::FieldMask;
use crate::types::value::{ListValue, Struct, Value};
use crate::types::wrapper::Wrapped;

/// Prefix of a type URL.
const PREFIX: &str = "type.googleapis.com/";

/// Maximum nesting depth of `Any` in JSON.
const DEPTH: u32 = 32;

/// A message of any type, with its name.
///
/// # Examples
///
/// ```
/// use micro::types::{Any, StringValue};
///
/// let any = Any::pack(&StringValue::from("hello".to_owned()));
/// assert_eq!(any.name(), "google.protobuf.StringValue");
/// assert_eq!(any.unpack::<StringValue>()?.0, "hello");
/// # Ok::<(), micro::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Any {
    /// The full name of the type after a slash: `type.googleapis.com/shop.v1.Item`.
    pub type_url: String,
    /// The message in protobuf's encoding.
    pub value: Bytes,
}

impl Any {
    /// Packs a message.
    pub fn pack<M: Message>(message: &M) -> Self {
        let mut value = Vec::new();
        message.encode(&mut value);
        Self {
            type_url: PREFIX.to_owned() + &M::name(),
            value: value.into(),
        }
    }

    /// The full name of the type, for example `shop.v1.Item`.
    pub fn name(&self) -> &str {
        let url = &self.type_url;
        url.rsplit_once('/').map_or(url.as_str(), |(_, name)| name)
    }

    /// Whether the packed message is of this type.
    pub fn is<M: Message>(&self) -> bool {
        self.name() == M::name()
    }

    /// Decodes the message, allocating at most 16 MiB.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when the message is of another type or cannot be decoded; see
    /// [`Message::decode`].
    pub fn unpack<M: Message>(&self) -> Result<M> {
        if !self.is::<M>() {
            let (name, wanted) = (self.name(), M::name());
            return Err(Error::invalid_argument(format!(
                "the message is a `{name}`, not a `{wanted}`; check with `is` before `unpack`"
            )));
        }
        M::decode(&self.value, MEMORY)
    }
}

/// Maximum number of bytes allocated for a packed message. 16 MiB.
const MEMORY: usize = 16 << 20;

/// A type that can be packed and written as JSON. `#[micro::message(any)]` submits it.
#[derive(Debug, Clone, Copy)]
pub struct LinkedMessage {
    name: fn() -> String,
    to_json: fn(&Bytes) -> Result<Vec<u8>>,
    from_json: fn(&[u8], usize) -> Result<Vec<u8>>,
    /// Whether the JSON form is an object of the message's fields.
    is_object: bool,
}

impl LinkedMessage {
    /// Creates the record of a type.
    pub const fn new<M: Message>() -> Self {
        Self {
            name: M::name,
            to_json: to_json::<M>,
            from_json: from_json::<M>,
            is_object: true,
        }
    }

    const fn well_known<M: Message>() -> Self {
        Self {
            is_object: false,
            ..Self::new::<M>()
        }
    }

    fn find(name: &str) -> Option<Self> {
        let own = WELL_KNOWN.iter();
        #[cfg(not(feature = "linkme"))]
        let linked = inventory::iter::<Self>.into_iter();
        #[cfg(feature = "linkme")]
        let linked = LINKED_MESSAGES.iter();
        own.chain(linked).find(|it| (it.name)() == name).copied()
    }
}

#[cfg(not(feature = "linkme"))]
inventory::collect!(LinkedMessage);

#[cfg(feature = "linkme")]
#[doc(hidden)]
#[linkme::distributed_slice]
#[linkme(crate = ::linkme)]
pub static LINKED_MESSAGES: [LinkedMessage];

const WELL_KNOWN: &[LinkedMessage] = &[
    // The JSON form is an object of the fields, of which there are none.
    LinkedMessage::new::<()>(),
    LinkedMessage::well_known::<Any>(),
    LinkedMessage::well_known::<Struct>(),
    LinkedMessage::well_known::<Value>(),
    LinkedMessage::well_known::<ListValue>(),
    LinkedMessage::well_known::<FieldMask>(),
    LinkedMessage::well_known::<Duration>(),
    LinkedMessage::well_known::<SystemTime>(),
    LinkedMessage::well_known::<Wrapped<f64>>(),
    LinkedMessage::well_known::<Wrapped<f32>>(),
    LinkedMessage::well_known::<Wrapped<i64>>(),
    LinkedMessage::well_known::<Wrapped<u64>>(),
    LinkedMessage::well_known::<Wrapped<i32>>(),
    LinkedMessage::well_known::<Wrapped<u32>>(),
    LinkedMessage::well_known::<Wrapped<bool>>(),
    LinkedMessage::well_known::<Wrapped<String>>(),
    LinkedMessage::well_known::<Wrapped<Vec<u8>>>(),
];

fn to_json<M: Message>(bytes: &Bytes) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    M::decode(bytes, MEMORY)?.encode_json(&mut out)?;
    Ok(out)
}

fn from_json<M: Message>(json: &[u8], memory: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    M::decode_json(json, memory)?.encode(&mut out);
    Ok(out)
}

fn unknown(name: &str) -> String {
    format!(
        "unknown message type `{}`; mark it `#[micro::message(any)]` and use its crate, so that \
         it is linked",
        excerpt(name)
    )
}

thread_local! {
    /// Number of `Any` that are being written around the current one.
    static NESTING: Cell<u32> = const { Cell::new(0) };
}

/// Runs a function one level deeper, up to [`DEPTH`]: deeply nested values would overflow the
/// stack.
fn nested<T>(act: impl FnOnce() -> Result<T>) -> Result<T> {
    let depth = NESTING.get();
    if depth >= DEPTH {
        return Err(Error::internal("nested too deeply"));
    }
    NESTING.set(depth + 1);
    let result = act();
    NESTING.set(depth);
    result
}

impl WellKnown for Any {
    fn full_name() -> String {
        "google.protobuf.Any".to_owned()
    }

    fn describe(types: &mut Types) -> String {
        types.message::<Self>("google.protobuf", "Any", |message, _| {
            message.field(1, ["type_url", "typeUrl"], FieldType::single(Kind::String));
            message.field(2, ["value"; 2], FieldType::single(Kind::Bytes));
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.type_url.put(1, out);
        self.value.put(2, out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut type_url, mut value) = (None, None);
        while let Some((tag, wire)) = reader.key()? {
            match tag {
                1 => Field::merge(&mut type_url, wire, reader)?,
                2 => Field::merge(&mut value, wire, reader)?,
                _ => reader.skip(tag, wire)?,
            }
        }
        Ok(Self {
            type_url: type_url.unwrap_or_default(),
            value: value.unwrap_or_default(),
        })
    }

    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.type_url.is_empty() && self.value.is_empty() {
            return serializer.serialize_map(Some(0))?.end();
        }
        let name = self.name();
        let known = LinkedMessage::find(name).ok_or_else(|| S::Error::custom(unknown(name)))?;
        let json = nested(|| (known.to_json)(&self.value))
            .map_err(|error| S::Error::custom(error.chain()))?;
        let json: Json = serde_json::from_slice(&json).map_err(S::Error::custom)?;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("@type", &self.type_url)?;
        match json {
            Json::Object(fields) if known.is_object => {
                for (name, value) in &fields {
                    map.serialize_entry(name, value)?;
                }
            }
            json => map.serialize_entry("value", &json)?,
        }
        map.end()
    }

    fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Self, D::Error> {
        let mut fields = deserializer.deserialize_any(FieldsVisitor(input))?;
        let type_url = match fields.remove("@type") {
            Some(Json::String(url)) => url,
            None if fields.is_empty() => return Ok(Self::default()),
            _ => return Err(D::Error::custom("`@type` must name the message's type")),
        };
        let any = Self {
            type_url,
            value: Bytes::new(),
        };
        let name = any.name();
        let known = LinkedMessage::find(name).ok_or_else(|| D::Error::custom(unknown(name)))?;
        let json = match fields.get("value") {
            Some(value) if !known.is_object => serde_json::to_vec(value),
            _ => serde_json::to_vec(&fields),
        };
        let json = json.map_err(D::Error::custom)?;
        input.charge(json.len())?;
        let value = (known.from_json)(&json, input.left())
            .map_err(|error| D::Error::custom(error.chain()))?;
        input.charge(value.len())?;
        Ok(Self {
            value: value.into(),
            ..any
        })
    }
}

known!(Any);

/// Reads values by name and charges each of them.
struct FieldsVisitor<'a>(&'a Input);

impl<'de> Visitor<'de> for FieldsVisitor<'_> {
    type Value = BTreeMap<String, Json>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `@type`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Err(wrong_type(text, &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(name) = entries.next_key::<String>()? {
            self.0
                .charge(name.len() + 4 * size_of::<(String, Json)>())?;
            let value = entries.next_value_seed(JsonSeed(self.0))?;
            if fields.insert(name, value).is_some() {
                return Err(A::Error::custom("a name is given twice"));
            }
        }
        Ok(fields)
    }
}

/// Reads any JSON value and charges each part of it.
#[derive(Clone, Copy)]
struct JsonSeed<'a>(&'a Input);

impl<'de> DeserializeSeed<'de> for JsonSeed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonSeed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<Json, E> {
        Ok(flag.into())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Json, E> {
        Ok(number.into())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Json, E> {
        self.0.charge(text.len())?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            self.0.grow(&mut list)?;
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Json, A::Error> {
        let fields = FieldsVisitor(self.0).visit_map(entries)?;
        Ok(Json::Object(fields.into_iter().collect()))
    }
}
