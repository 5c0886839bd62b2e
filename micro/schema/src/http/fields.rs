//! Collects the fields that path and query fill, and writes them as JSON.

use std::collections::BTreeMap;

use crate::http::scalar;
use micro_message::codec::{FieldDescriptor, FieldType, Kind, Label, MessageDescriptor, Types};
use micro_message::internal::excerpt;

/// Maximum depth of a name such as `a.b.c`.
const MAX_DEPTH: usize = 32;

/// Values of fields by their JSON names.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) BTreeMap<String, Value>);

/// The value of a field. Scalar values are JSON already.
#[derive(Debug)]
pub(super) enum Value {
    One(String),
    List(Vec<String>),
    Map(BTreeMap<String, String>),
    Message(Fields),
}

/// Memory of an entry of a map or of fields in addition to its texts: a slot in a half-full B-tree,
/// and the overhead of the allocator. In bytes.
const ENTRY_SIZE: usize = 192;

/// Memory of an element in addition to its text, in a list that has just grown. In bytes.
const ELEMENT_SIZE: usize = 80;

/// Number of bytes that values may still allocate.
#[derive(Debug)]
pub(super) struct MemoryBudget(pub(super) usize);

impl MemoryBudget {
    fn charge(&mut self, bytes: usize) -> Result<(), String> {
        let left = self.0.checked_sub(bytes);
        self.0 = left.ok_or("the parameters so far need more memory than allowed")?;
        Ok(())
    }
}

/// The place of a value: the path from the request's own field to the innermost one, by JSON name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) path: Vec<String>,
    /// The type of the innermost field. Its values can be written as text.
    pub(super) ty: FieldType,
}

/// Finds a field of a message by either of its names.
pub(super) fn field<'a>(message: &'a MessageDescriptor, name: &str) -> Option<&'a FieldDescriptor> {
    let mut fields = message.fields.iter();
    fields.find(|field| field.name == name || field.json_name == name)
}

/// Why a name is not a valid target for a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FieldError {
    /// The field does not exist.
    Unknown,
    /// The field exists but cannot be used, for this reason.
    Unfit(&'static str),
}

/// Finds the target of a dotted name in the message with this full name.
pub(super) fn resolve(types: &Types, message: &str, name: &str) -> Result<Target, FieldError> {
    let mut message = types.messages().get(message).ok_or(FieldError::Unknown)?;
    let mut path = Vec::new();
    let mut steps = name.split('.').peekable();
    while let Some(step) = steps.next() {
        let found = field(message, step).ok_or(FieldError::Unknown)?;
        path.push(found.json_name.clone());
        if path.len() > MAX_DEPTH {
            return Err(FieldError::Unfit("it is nested deeper than 32 messages"));
        }
        if steps.peek().is_none() {
            let ty = leaf(&found.ty).map_err(FieldError::Unfit)?;
            return Ok(Target { path, ty });
        }
        message = match (&found.ty.kind, &found.ty.label) {
            (Kind::Message(name), Label::Single | Label::Optional)
                if scalar::kind_of(&found.ty.kind).is_none() =>
            {
                types.messages().get(name).ok_or(FieldError::Unknown)?
            }
            (Kind::Message(_), Label::Repeated) => {
                return Err(FieldError::Unfit("lists of messages need a request body"));
            }
            _ => return Err(FieldError::Unknown),
        };
    }
    Err(FieldError::Unknown)
}

/// The type of a field whose values can be written as text.
pub(super) fn leaf(ty: &FieldType) -> Result<FieldType, &'static str> {
    let kind = scalar::kind_of(&ty.kind).ok_or(match ty.label {
        Label::Single | Label::Optional => "it is a message; give its fields, as `name.field`",
        Label::Repeated => "lists of messages need a request body",
        Label::Map(_) => "maps of messages need a request body",
    })?;
    let mut ty = ty.clone();
    ty.kind = kind;
    Ok(ty)
}

impl Fields {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Charges a value, and then sets it, appends it to a list or adds it to a map under a key.
    pub(super) fn put(
        &mut self,
        target: &Target,
        (key, text): (Option<&str>, &str),
        budget: &mut MemoryBudget,
    ) -> Result<(), String> {
        let expected = |expected| format!("`{}` is not {expected}", excerpt(text));
        let json = scalar::json(&target.ty.kind, text).map_err(expected)?;
        let place = match target.ty.label {
            Label::Repeated => ELEMENT_SIZE,
            _ => ENTRY_SIZE + key.map_or(0, str::len),
        };
        budget.charge(place + json.len())?;
        let (last, outer) = target
            .path
            .split_last()
            .expect("a name has at least one part");
        let mut fields = self;
        for step in outer {
            let slot = fields.0.entry(step.clone());
            fields = match slot.or_insert_with(|| Value::Message(Self::default())) {
                Value::Message(inner) => inner,
                _ => return Err("it is also given as a whole".to_owned()),
            };
        }
        let slot = fields.0.get_mut(last);
        match (slot, &target.ty.label, key) {
            (None, Label::Single | Label::Optional, None) => {
                fields.0.insert(last.clone(), Value::One(json));
            }
            (None, Label::Repeated, None) => {
                fields.0.insert(last.clone(), Value::List(vec![json]));
            }
            (None, Label::Map(_), Some(key)) => {
                let map = BTreeMap::from([(key.to_owned(), json)]);
                fields.0.insert(last.clone(), Value::Map(map));
            }
            (Some(Value::List(list)), _, None) => list.push(json),
            (Some(Value::Map(map)), _, Some(key)) => {
                if map.insert(key.to_owned(), json).is_some() {
                    return Err("it is given twice".to_owned());
                }
            }
            (_, Label::Map(_), None) => {
                return Err("it is a map; give its entries as `name[key]=value`".to_owned());
            }
            (_, _, Some(_)) => return Err("it is not a map; remove `[key]`".to_owned()),
            (Some(_), ..) => return Err("it is given twice".to_owned()),
        }
        Ok(())
    }

    /// Appends `"name":value` for each field, separated by commas.
    pub(super) fn write(self, first: &mut bool, out: &mut Vec<u8>) {
        for (name, value) in self.0 {
            write_name(&name, first, out);
            value.write(out);
        }
    }
}

impl Value {
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::One(json) => out.extend_from_slice(json.as_bytes()),
            Self::List(list) => {
                out.push(b'[');
                out.extend_from_slice(list.join(",").as_bytes());
                out.push(b']');
            }
            Self::Map(map) => {
                let map = map.into_iter().map(|(key, json)| (key, Self::One(json)));
                Self::Message(Fields(map.collect())).write(out);
            }
            Self::Message(fields) => {
                out.push(b'{');
                fields.write(&mut true, out);
                out.push(b'}');
            }
        }
    }
}

/// Appends a name and a colon.
pub(super) fn write_name(name: &str, first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    out.extend_from_slice(scalar::quoted(name).as_bytes());
    out.push(b':');
}
