//! `Entries`: the fields of a message, read from a deserializer.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};

use crate::codec::excerpt::wrong_type;
use crate::codec::field::{Field, FieldName, Record};
use crate::codec::json::input::{Input, Nullable};
use crate::codec::proto::Bounds;

/// The fields of a message, read from a deserializer.
#[derive(Debug)]
pub struct Entries<'a, A> {
    map: A,
    input: &'a Input,
    names: &'static [FieldName],
    /// Index in `names` of the field expected next: most senders keep the order.
    expected: usize,
    /// Name of the field whose value comes next.
    current: &'static str,
}

impl<'de, A: MapAccess<'de>> Entries<'_, A> {
    /// Returns the number of the next known field. Unknown fields are skipped.
    pub fn next_field(&mut self) -> Result<Option<u32>, A::Error> {
        loop {
            let seed = NameSeed {
                names: self.names,
                expected: self.expected,
            };
            match self.map.next_key_seed(seed)? {
                None => return Ok(None),
                Some(None) => {
                    self.map.next_value::<IgnoredAny>()?;
                }
                Some(Some(index)) => {
                    self.expected = index + 1;
                    self.current = self.names[index].name;
                    return Ok(Some(self.names[index].tag));
                }
            }
        }
    }

    /// Reads the value of the current field. Null leaves it absent.
    pub(crate) fn value<T: Field>(&mut self, slot: &mut Option<T>) -> Result<(), A::Error> {
        if slot.is_some() {
            return self.fail("it is given twice");
        }
        match self.map.next_value_seed(Nullable::new(self.input)) {
            Ok(value) => {
                *slot = value;
                Ok(())
            }
            Err(error) => {
                self.input.place().field(self.current);
                Err(error)
            }
        }
    }

    /// Reads the value of a variant and fails if another variant is set. Null leaves the variant
    /// unset.
    pub(crate) fn variant<T: Field>(
        &mut self,
        slot: &mut Option<T>,
        chosen: &mut u32,
        tag: u32,
    ) -> Result<(), A::Error> {
        let mut value = None;
        self.value(&mut value)?;
        if value.is_some() {
            if *chosen != 0 {
                return self.fail("another variant is given already");
            }
            *chosen = tag;
            *slot = value;
        }
        Ok(())
    }

    /// Returns a field's value after the last entry: the value that was read, or the default.
    pub(crate) fn finish<T: Field>(&mut self, slot: Option<T>, tag: u32) -> Result<T, A::Error> {
        match slot {
            Some(value) => Ok(value),
            None => self.input.bounded(T::absent).inspect_err(|_: &A::Error| {
                if let Some(field) = self.names.iter().find(|field| field.tag == tag) {
                    self.input.place().field(field.name);
                }
            }),
        }
    }

    /// The error for a message none of whose variants is set.
    pub fn none_chosen<T>(&self) -> Result<T, A::Error> {
        let names: Vec<_> = self.names.iter().map(|field| field.json).collect();
        Err(A::Error::custom(format!(
            "none of its variants is given: {}",
            names.join(", ")
        )))
    }

    fn fail<T>(&self, message: &str) -> Result<T, A::Error> {
        self.input.place().field(self.current);
        Err(A::Error::custom(message))
    }
}

/// Reads a message through serde.
pub fn record_from_serde<'de, R: Record, D: Deserializer<'de>>(
    deserializer: D,
    input: &Input,
) -> Result<R, D::Error> {
    input.bounded(Bounds::enter)?;
    let record = deserializer.deserialize_any(RecordVisitor {
        input,
        of: PhantomData,
    })?;
    input.bounded(|bounds| {
        bounds.leave();
        Ok(record)
    })
}

struct RecordVisitor<'a, R> {
    input: &'a Input,
    of: PhantomData<R>,
}

impl<'de, R: Record> Visitor<'de> for RecordVisitor<'_, R> {
    type Value = R;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<R, E> {
        Err(wrong_type(text, &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<R, A::Error> {
        let (input, names) = (self.input, R::NAMES);
        R::from_map(Entries {
            map,
            input,
            names,
            expected: 0,
            current: "",
        })
    }
}

/// Finds the index of a name, in either spelling.
struct NameSeed {
    names: &'static [FieldName],
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for NameSeed {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let is = |field: &FieldName| field.json == name || field.name == name;
        if self.names.get(self.expected).is_some_and(is) {
            return Ok(Some(self.expected));
        }
        Ok(self.names.iter().position(is))
    }
}
