//! Messages, fields and enums as JSON Schema. Each definition occurs once, by full name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::json_schema::about;
use crate::json_schema::known::known;
use crate::model::{Enum, Field, Kind, Label, Message, Schema};

/// Writes definitions and references to them.
pub(crate) struct Shapes<'a> {
    messages: BTreeMap<String, &'a Message>,
    enums: BTreeMap<String, &'a Enum>,
    /// Prefix of the name in a reference.
    prefix: &'static str,
    /// Names that are referenced and not defined yet.
    open: BTreeSet<String>,
}

impl<'a> Shapes<'a> {
    pub(crate) fn new(schema: &'a Schema, prefix: &'static str) -> Self {
        Self {
            messages: schema.messages(),
            enums: schema.enums(),
            prefix,
            open: BTreeSet::new(),
        }
    }

    /// Whether a message or enum of this name can be referenced.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.messages.contains_key(name) || self.enums.contains_key(name) || known(name).is_some()
    }

    /// The message with this full name.
    pub(crate) fn message(&self, name: &str) -> Option<&'a Message> {
        self.messages.get(name).copied()
    }

    /// Returns a reference to a message or enum, which is added to the definitions.
    pub(crate) fn reference(&mut self, name: &str) -> Value {
        self.open.insert(name.to_owned());
        json!({ "$ref": format!("{}{name}", self.prefix) })
    }

    /// The definitions of all referenced types, including those that they reference.
    pub(crate) fn definitions(&mut self) -> Map<String, Value> {
        let mut done = Map::new();
        while let Some(name) = self.open.pop_first() {
            if done.contains_key(&name) {
                continue;
            }
            let definition = self.define(&name);
            done.insert(name, definition);
        }
        done
    }

    fn define(&mut self, name: &str) -> Value {
        if let Some(message) = self.message(name) {
            let mut schema = self.object(&message.fields, message.choice);
            schema.insert("title".to_owned(), message.name.as_str().into());
            about(&mut schema, &message.doc, message.deprecated);
            return Value::Object(schema);
        }
        match self.enums.get(name) {
            Some(one) => enumeration(one),
            // An unknown type has an empty schema, which accepts everything.
            None => known(name).unwrap_or_else(|| json!({})),
        }
    }

    /// An object with these fields. In a choice exactly one of them must be set.
    pub(crate) fn object(&mut self, fields: &[Field], choice: bool) -> Map<String, Value> {
        let mut oneofs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for field in fields {
            if let Some(oneof) = &field.oneof {
                oneofs.entry(oneof).or_default().push(&field.json_name);
            }
        }
        let properties = fields
            .iter()
            .map(|field| (field.json_name.clone(), self.field(field)));
        let mut schema = Map::new();
        schema.insert("properties".to_owned(), Value::Object(properties.collect()));
        schema.insert("type".to_owned(), "object".into());
        let rules: Vec<_> = oneofs
            .values()
            .filter(|names| names.len() > 1 && !choice)
            .map(rule)
            .collect();
        let required = fields.iter().filter(|field| field.required);
        let required: Vec<_> = required.map(|field| field.json_name.as_str()).collect();
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        if choice {
            let each = fields
                .iter()
                .map(|field| json!({ "required": [field.json_name] }));
            schema.insert("oneOf".to_owned(), each.collect());
        }
        if !rules.is_empty() {
            schema.insert("allOf".to_owned(), rules.into());
        }
        schema
    }

    /// The schema of a field, with its doc comment.
    pub(crate) fn field(&mut self, field: &Field) -> Value {
        let one = self.kind(&field.kind);
        let mut schema = match &field.label {
            Label::Single => one,
            Label::Optional => nullable(one),
            Label::Repeated => json!({ "type": "array", "items": one }),
            Label::Map(key) => {
                let mut map = json!({ "type": "object", "additionalProperties": one });
                if let Some(pattern) = key_pattern(key) {
                    map["propertyNames"] = json!({ "pattern": pattern });
                }
                map
            }
        };
        if let Value::Object(members) = &mut schema {
            about(members, &field.doc, field.deprecated);
        }
        schema
    }

    /// The schema of a single value.
    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Message(name) | Kind::Enum(name) => match known(name) {
                // The schema is short enough to be inlined.
                Some(schema) => schema,
                None => self.reference(name),
            },
            _ => scalar(kind),
        }
    }
}

const INTEGER: &str = "^-?[0-9]+$";
const NATURAL: &str = "^[0-9]+$";
const NUMBER: &str = "^(NaN|-?Infinity|-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?)$";

/// The schema of a number, text, boolean or bytes.
pub(super) fn scalar(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
        Kind::Double | Kind::Float => json!({
            "type": ["number", "string"],
            "format": kind.to_string(),
            "pattern": NUMBER,
        }),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({
            "type": ["integer", "string"],
            "format": "int32",
            "minimum": i32::MIN,
            "maximum": i32::MAX,
            "pattern": INTEGER,
        }),
        Kind::Uint32 | Kind::Fixed32 => json!({
            "type": ["integer", "string"],
            "format": "uint32",
            "minimum": 0,
            "maximum": u32::MAX,
            "pattern": NATURAL,
        }),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({
            "type": ["string", "integer"],
            "format": "int64",
            "pattern": INTEGER,
        }),
        Kind::Uint64 | Kind::Fixed64 => json!({
            "type": ["string", "integer"],
            "format": "uint64",
            "minimum": 0,
            "pattern": NATURAL,
        }),
        _ => json!({ "type": "string" }),
    }
}

/// The same schema, which also allows null.
pub(super) fn nullable(mut schema: Value) -> Value {
    let mut types = match schema.get("type") {
        Some(Value::Array(types)) => types.clone(),
        Some(one) => vec![one.clone()],
        None => return json!({ "anyOf": [schema, { "type": "null" }] }),
    };
    types.push("null".into());
    schema["type"] = types.into();
    schema
}

/// A rule that allows at most one of these properties.
fn rule(names: &Vec<&str>) -> Value {
    let each = || names.iter().map(|name| json!({ "required": [name] }));
    let none = json!({ "not": { "anyOf": each().collect::<Vec<_>>() } });
    json!({ "oneOf": each().chain([none]).collect::<Vec<_>>() })
}

fn key_pattern(key: &Kind) -> Option<&'static str> {
    match key {
        Kind::String => None,
        Kind::Bool => Some("^(true|false)$"),
        Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => Some(NATURAL),
        _ => Some(INTEGER),
    }
}

/// The schema of an enum: a name or a number. Unknown numbers are allowed.
fn enumeration(one: &Enum) -> Value {
    let values = one.values.iter().filter(|value| !value.placeholder);
    let values = values.map(|value| {
        let mut schema = Map::new();
        schema.insert("const".to_owned(), value.name.as_str().into());
        about(&mut schema, &value.doc, value.deprecated);
        Value::Object(schema)
    });
    let number = json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX });
    let mut schema = Map::new();
    schema.insert("title".to_owned(), one.name.as_str().into());
    schema.insert("anyOf".to_owned(), values.chain([number]).collect());
    about(&mut schema, &one.doc, one.deprecated);
    Value::Object(schema)
}
