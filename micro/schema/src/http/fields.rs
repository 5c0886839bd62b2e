//! Fields that path and query give, gathered one by one and written as JSON.

use std::collections::BTreeMap;

use crate::http::scalar;
use micro_message::codec::{FieldDescriptor, FieldType, Kind, Label, MessageDescriptor, Types};
use micro_message::internal::shown;

/// How deep a name such as `a.b.c` may go.
const DEPTH: usize = 32;

/// Fields by their names in JSON.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) BTreeMap<String, Value>);

/// What a field was given; leaves are JSON already.
#[derive(Debug)]
pub(super) enum Value {
    One(String),
    List(Vec<String>),
    Map(BTreeMap<String, String>),
    Message(Fields),
}

/// What an entry of a map or of fields takes beside its texts: a place in a tree that is half full,
/// and what the allocator keeps.
const ENTRY: usize = 192;

/// What an element of a list takes beside its text, in a list that has just grown.
const ELEMENT: usize = 80;

/// How much memory values may still take, in bytes.
#[derive(Debug)]
pub(super) struct Budget(pub(super) usize);

impl Budget {
    fn charge(&mut self, bytes: usize) -> Result<(), String> {
        let left = self.0.checked_sub(bytes);
        self.0 = left.ok_or("the values until here need more memory than allowed")?;
        Ok(())
    }
}

/// Where a value goes: the fields from the request's own to the innermost, by JSON name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) path: Vec<String>,
    /// What the innermost holds; its kind is one that can be a text.
    pub(super) ty: FieldType,
}

/// The field of a message by either of its names.
pub(super) fn field<'a>(message: &'a MessageDescriptor, name: &str) -> Option<&'a FieldDescriptor> {
    let mut fields = message.fields.iter();
    fields.find(|field| field.name == name || field.json_name == name)
}

/// Why a name is no place for a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Astray {
    /// There is no such field.
    Unknown,
    /// It is there, and this is why not.
    Unfit(&'static str),
}

/// Finds the place that a dotted name stands for in the message of a full name.
pub(super) fn resolve(types: &Types, message: &str, name: &str) -> Result<Target, Astray> {
    let mut message = types.messages().get(message).ok_or(Astray::Unknown)?;
    let mut path = Vec::new();
    let mut steps = name.split('.').peekable();
    while let Some(step) = steps.next() {
        let found = field(message, step).ok_or(Astray::Unknown)?;
        path.push(found.json_name.clone());
        if path.len() > DEPTH {
            return Err(Astray::Unfit("it goes deeper than 32 messages"));
        }
        if steps.peek().is_none() {
            let ty = leaf(&found.ty).map_err(Astray::Unfit)?;
            return Ok(Target { path, ty });
        }
        message = match (&found.ty.kind, &found.ty.label) {
            (Kind::Message(name), Label::Single | Label::Optional)
                if scalar::kind_of(&found.ty.kind).is_none() =>
            {
                types.messages().get(name).ok_or(Astray::Unknown)?
            }
            (Kind::Message(_), Label::Repeated) => {
                return Err(Astray::Unfit("lists of messages come in a body alone"));
            }
            _ => return Err(Astray::Unknown),
        };
    }
    Err(Astray::Unknown)
}

/// The type of a field whose values can be written as texts.
pub(super) fn leaf(ty: &FieldType) -> Result<FieldType, &'static str> {
    let kind = scalar::kind_of(&ty.kind).ok_or(match ty.label {
        Label::Single | Label::Optional => "it is a message; give its fields, as `name.field`",
        Label::Repeated => "lists of messages come in a body alone",
        Label::Map(_) => "maps of messages come in a body alone",
    })?;
    let mut ty = ty.clone();
    ty.kind = kind;
    Ok(ty)
}

impl Fields {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives a field a value, or one more, or one under a key, once it is paid for.
    pub(super) fn put(
        &mut self,
        target: &Target,
        (key, text): (Option<&str>, &str),
        budget: &mut Budget,
    ) -> Result<(), String> {
        let expected = |expected| format!("`{}` is not {expected}", shown(text));
        let json = scalar::json(&target.ty.kind, text).map_err(expected)?;
        let place = match target.ty.label {
            Label::Repeated => ELEMENT,
            _ => ENTRY + key.map_or(0, str::len),
        };
        budget.charge(place + json.len())?;
        let (last, outer) = target
            .path
            .split_last()
            .expect("a name has a part at least");
        let mut fields = self;
        for step in outer {
            let slot = fields.0.entry(step.clone());
            fields = match slot.or_insert_with(|| Value::Message(Self::default())) {
                Value::Message(inner) => inner,
                _ => return Err("it is given as a whole, too".to_owned()),
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
            (_, _, Some(_)) => return Err("it is no map, so it has no `[key]`".to_owned()),
            (Some(_), ..) => return Err("it is given twice".to_owned()),
        }
        Ok(())
    }

    /// Appends `"name":value`, with a comma before each but the first.
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

/// Appends a name and its colon.
pub(super) fn write_name(name: &str, first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    out.extend_from_slice(scalar::quoted(name).as_bytes());
    out.push(b':');
}
