//! `google.protobuf.FieldMask`: a set of field paths, for example of the fields to update.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserializer, Serializer};

use crate::codec::excerpt::cut;
use crate::codec::field::Field;
use crate::codec::json::{Input, text};
use crate::codec::proto::{DecodeError, Reader};
use crate::codec::types::{FieldType, Kind, Types};
use crate::codec::well_known::{WellKnown, known};

/// Paths of fields, for example `name` and `address.street`. The JSON form is one string of
/// comma-separated paths in lowerCamelCase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FieldMask {
    /// The paths, in the `snake_case` of descriptors.
    pub paths: Vec<String>,
}

impl WellKnown for FieldMask {
    fn full_name() -> String {
        "google.protobuf.FieldMask".to_owned()
    }

    fn describe(types: &mut Types) -> String {
        types.message::<Self>("google.protobuf", "FieldMask", |message, _| {
            message.field(1, ["paths"; 2], FieldType::repeated(Kind::String));
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.paths.put(1, out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut paths = None;
        while let Some((tag, wire)) = reader.key()? {
            match tag {
                1 => Field::merge(&mut paths, wire, reader)?,
                _ => reader.skip(tag, wire)?,
            }
        }
        let paths = paths.unwrap_or_default();
        Ok(Self { paths })
    }

    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        for path in &self.paths {
            let Some(camel) = camel(path) else {
                let message = format!("the path {path:?} has no JSON form");
                return Err(S::Error::custom(message));
            };
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&camel);
        }
        serializer.serialize_str(&text)
    }

    fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Self, D::Error> {
        let text = text::from_serde(deserializer, input)?;
        let mut paths = Vec::new();
        for path in text.split(',').filter(|_| !text.is_empty()) {
            let Some(snake) = snake(path) else {
                let message = format!("{:?} is not a field path in lowerCamelCase", cut(path));
                return Err(D::Error::custom(message));
            };
            input.charge(snake.len())?;
            input.grow(&mut paths)?;
            paths.push(snake);
        }
        Ok(Self { paths })
    }
}

known!(FieldMask);

/// Converts `first_name` to `firstName`. Returns `None` if converting back would give another name.
fn camel(path: &str) -> Option<String> {
    let mut camel = String::new();
    let mut chars = path.chars();
    while let Some(char) = chars.next() {
        match char {
            '_' => camel.push(
                chars
                    .next()
                    .filter(char::is_ascii_lowercase)?
                    .to_ascii_uppercase(),
            ),
            char if char.is_ascii_uppercase() => return None,
            char => camel.push(char),
        }
    }
    Some(camel)
}

fn snake(path: &str) -> Option<String> {
    let mut snake = String::new();
    for char in path.chars() {
        match char {
            '_' => return None,
            char if char.is_ascii_uppercase() => {
                snake.push('_');
                snake.push(char.to_ascii_lowercase());
            }
            char => snake.push(char),
        }
    }
    Some(snake)
}
