//! `google.protobuf.Value`, `Struct` and `ListValue`: arbitrary JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Deserializer, Serializer};

use crate::codec::field::{Element, Field};
use crate::codec::json::{Input, Output, Seed};
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire, put_nested};
use crate::codec::types::{FieldType, Kind, Types};
use crate::codec::well_known::{WellKnown, known};
use crate::types::null::NullValue;

/// An arbitrary JSON value. The default is null.
///
/// # Examples
///
/// ```
/// use micro::types::Value;
///
/// let value = Value::from(vec![Value::from(1.5), Value::from("text"), Value::Null]);
/// assert_eq!(serde_json::to_string(&value).unwrap(), r#"[1.5,"text",null]"#);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// JSON's null.
    #[default]
    Null,
    /// A number. NaN and the infinities have no JSON form.
    Number(f64),
    /// Text.
    String(String),
    /// A boolean.
    Bool(bool),
    /// Values by name: a JSON object.
    Struct(Struct),
    /// Values in order: a JSON array.
    List(ListValue),
}

/// Values by name: a JSON object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Struct {
    /// The values.
    pub fields: BTreeMap<String, Value>,
}

/// Values in order: a JSON array.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListValue {
    /// The values.
    pub values: Vec<Value>,
}

macro_rules! from_plain {
    ($($type:ty, $value:ident => $made:expr;)*) => { $(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $made
            }
        }
    )* };
}

from_plain! {
    f64, number => Self::Number(number);
    bool, flag => Self::Bool(flag);
    String, text => Self::String(text);
    &str, text => Self::String(text.to_owned());
    Struct, value => Self::Struct(value);
    ListValue, list => Self::List(list);
    BTreeMap<String, Value>, fields => Self::Struct(Struct { fields });
    Vec<Value>, values => Self::List(ListValue { values });
}

impl WellKnown for Struct {
    fn full_name() -> String {
        "google.protobuf.Struct".to_owned()
    }

    fn describe(types: &mut Types) -> String {
        types.message::<Self>("google.protobuf", "Struct", |message, types| {
            let ty = FieldType::map(Kind::String, Value::kind(types));
            message.field(1, ["fields"; 2], ty);
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.fields.put(1, out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut fields = None;
        while let Some((tag, wire)) = reader.key()? {
            match tag {
                1 => Field::merge(&mut fields, wire, reader)?,
                _ => reader.skip(tag, wire)?,
            }
        }
        let fields = fields.unwrap_or_default();
        Ok(Self { fields })
    }

    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, &Output(value))?;
        }
        map.end()
    }

    fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Self, D::Error> {
        input.bounded(Bounds::enter)?;
        let fields = Field::from_serde(deserializer, input)?;
        leave(input, Self { fields })
    }
}

impl WellKnown for ListValue {
    fn full_name() -> String {
        "google.protobuf.ListValue".to_owned()
    }

    fn describe(types: &mut Types) -> String {
        types.message::<Self>("google.protobuf", "ListValue", |message, types| {
            let ty = FieldType::repeated(Value::kind(types));
            message.field(1, ["values"; 2], ty);
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.values.put(1, out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut values = None;
        while let Some((tag, wire)) = reader.key()? {
            match tag {
                1 => Field::merge(&mut values, wire, reader)?,
                _ => reader.skip(tag, wire)?,
            }
        }
        let values = values.unwrap_or_default();
        Ok(Self { values })
    }

    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.values.len()))?;
        for value in &self.values {
            list.serialize_element(&Output(value))?;
        }
        list.end()
    }

    fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Self, D::Error> {
        input.bounded(Bounds::enter)?;
        let values = Field::from_serde(deserializer, input)?;
        leave(input, Self { values })
    }
}

impl WellKnown for Value {
    fn full_name() -> String {
        "google.protobuf.Value".to_owned()
    }

    fn describe(types: &mut Types) -> String {
        types.message::<Self>("google.protobuf", "Value", |message, types| {
            let fields = [
                (1, ["null_value", "nullValue"], NullValue::kind(types)),
                (2, ["number_value", "numberValue"], Kind::Double),
                (3, ["string_value", "stringValue"], Kind::String),
                (4, ["bool_value", "boolValue"], Kind::Bool),
                (5, ["struct_value", "structValue"], Struct::kind(types)),
                (6, ["list_value", "listValue"], ListValue::kind(types)),
            ];
            for (tag, names, kind) in fields {
                message
                    .field(tag, names, FieldType::single(kind))
                    .of("kind");
            }
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => NullValue.put_always(1, out),
            Self::Number(number) => number.put_always(2, out),
            Self::String(text) => text.put_always(3, out),
            Self::Bool(flag) => flag.put_always(4, out),
            Self::Struct(value) => put_nested(5, out, |out| value.write(out)),
            Self::List(list) => put_nested(6, out, |out| list.write(out)),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut value = Self::Null;
        while let Some((tag, wire)) = reader.key()? {
            value = match (tag, value) {
                (1, _) => Element::read(wire, reader).map(|NullValue| Self::Null)?,
                (2, _) => Self::Number(Element::read(wire, reader)?),
                (3, _) => Self::String(Element::read(wire, reader)?),
                (4, _) => Self::Bool(Element::read(wire, reader)?),
                (5, Self::Struct(earlier)) => Self::Struct(again(earlier, wire, reader)?),
                (5, _) => Self::Struct(Element::read(wire, reader)?),
                (6, Self::List(earlier)) => Self::List(again(earlier, wire, reader)?),
                (6, _) => Self::List(Element::read(wire, reader)?),
                (_, value) => {
                    reader.skip(tag, wire)?;
                    value
                }
            };
        }
        Ok(value)
    }

    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Number(number) if !number.is_finite() => {
                let message = format!("the number {number} has no JSON form");
                Err(S::Error::custom(message))
            }
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::String(text) => serializer.serialize_str(text),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Struct(value) => WellKnown::to_serde(value, serializer),
            Self::List(list) => WellKnown::to_serde(list, serializer),
        }
    }

    fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Self, D::Error> {
        input.bounded(Bounds::enter)?;
        let value = deserializer.deserialize_any(ValueVisitor(input))?;
        leave(input, value)
    }

    fn null() -> Option<Self> {
        Some(Self::Null)
    }
}

known!(Struct);
known!(ListValue);
known!(Value);

/// Reads a message and merges it into an earlier one.
fn again<K: Field>(earlier: K, wire: Wire, reader: &mut Reader<'_>) -> Result<K, DecodeError> {
    let mut slot = Some(earlier);
    K::merge(&mut slot, wire, reader)?;
    slot.ok_or(DecodeError::Missing)
}

fn leave<T, E: serde::de::Error>(input: &Input, value: T) -> Result<T, E> {
    input.bounded(|bounds| {
        bounds.leave();
        Ok(value)
    })
}

struct ValueVisitor<'a>(&'a Input);

impl<'de> Visitor<'de> for ValueVisitor<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "a JSON number is a double")]
    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "a JSON number is a double")]
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.0.charge(text.len())?;
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(item) = items.next_element_seed(Seed::new(self.0))? {
            self.0.grow(&mut values)?;
            values.push(item);
        }
        Ok(Value::List(ListValue { values }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(name) = entries.next_key_seed(Seed::<String>::new(self.0))? {
            let value = entries.next_value_seed(Seed::<Value>::new(self.0))?;
            // A node of a map has eleven slots.
            self.0.charge(3 * size_of::<(String, Value)>() + 48)?;
            if fields.insert(name, value).is_some() {
                return Err(A::Error::custom("a name is given twice"));
            }
        }
        Ok(Value::Struct(Struct { fields }))
    }
}
