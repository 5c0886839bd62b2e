//! Parses the text of a committed file.
//!
//! Unknown members are ignored: an earlier version must be able to read additions of later versions
//! with the same format number.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::model::{
    Enum, Field, File, Http, Kind, Label, Message, Method, Schema, Service, Value, json_name,
};
use crate::text::FORMAT;
use micro_message::error::{Error, Result};

/// Parses a schema.
pub(super) fn schema(text: &str) -> Result<Schema> {
    let json: Json = serde_json::from_str(text).map_err(|error| {
        Error::invalid_argument("a schema cannot be read as JSON").with_source(error)
    })?;
    let root = Cursor {
        json: &json,
        place: String::new(),
    };
    match json["format"].as_u64() {
        None => return Err(root.wrong("`format` is missing; this is not a schema file")),
        Some(format) if format > FORMAT => {
            return Err(root.wrong(&format!(
                "its format {format} is of a later version; this version reads up to {FORMAT}"
            )));
        }
        Some(_) => {}
    }
    let mut schema = Schema {
        files: root.list("files", file)?,
    };
    let enums: BTreeSet<String> = schema.enums().into_keys().collect();
    for file in &mut schema.files {
        resolve(&mut file.messages, &enums);
    }
    schema.sort();
    Ok(schema)
}

/// Distinguishes enums from messages, which have the same notation.
fn resolve(messages: &mut [Message], enums: &BTreeSet<String>) {
    for message in messages {
        for field in &mut message.fields {
            if let Kind::Message(name) = &field.kind
                && (enums.contains(name) || name == "google.protobuf.NullValue")
            {
                field.kind = Kind::Enum(name.clone());
            }
        }
        resolve(&mut message.messages, enums);
    }
}

/// A JSON value and its place in the document.
struct Cursor<'a> {
    json: &'a Json,
    place: String,
}

impl<'a> Cursor<'a> {
    fn wrong(&self, what: &str) -> Error {
        let place = match &*self.place {
            "" => String::new(),
            place => format!("{place}: "),
        };
        Error::invalid_argument(format!("{place}{what}"))
    }

    /// A string, which may be absent.
    fn text(&self, key: &str) -> Result<&'a str> {
        match &self.json[key] {
            Json::Null => Ok(""),
            Json::String(text) => Ok(text),
            _ => Err(self.wrong(&format!("`{key}` is not a string"))),
        }
    }

    /// A string that is not empty.
    fn name(&self, key: &str) -> Result<String> {
        match self.text(key)? {
            "" => Err(self.wrong(&format!("`{key}` is missing"))),
            name => Ok(name.to_owned()),
        }
    }

    fn flag(&self, key: &str) -> Result<bool> {
        match &self.json[key] {
            Json::Null => Ok(false),
            Json::Bool(is) => Ok(*is),
            _ => Err(self.wrong(&format!("`{key}` is neither true nor false"))),
        }
    }

    fn number(&self, key: &str) -> Result<i32> {
        let number = self.json[key].as_i64();
        let number = number.and_then(|number| i32::try_from(number).ok());
        number.ok_or_else(|| self.wrong(&format!("`{key}` is not a 32-bit integer")))
    }

    fn list<T>(&self, key: &str, read: fn(&Cursor<'_>) -> Result<T>) -> Result<Vec<T>> {
        let items = match &self.json[key] {
            Json::Null => return Ok(Vec::new()),
            Json::Array(items) => items,
            _ => return Err(self.wrong(&format!("`{key}` is not a list"))),
        };
        let dot = if self.place.is_empty() { "" } else { "." };
        let items = items.iter().enumerate().map(|(index, json)| {
            read(&Cursor {
                json,
                place: format!("{}{dot}{key}[{index}]", self.place),
            })
        });
        items.collect()
    }
}

fn file(at: &Cursor<'_>) -> Result<File> {
    Ok(File {
        name: at.name("name")?,
        package: at.text("package")?.to_owned(),
        messages: at.list("messages", message)?,
        enums: at.list("enums", enumeration)?,
        services: at.list("services", service)?,
        knows_required: at.flag("knows_required")?,
    })
}

fn message(at: &Cursor<'_>) -> Result<Message> {
    Ok(Message {
        name: at.name("name")?,
        doc: at.text("doc")?.to_owned(),
        deprecated: at.flag("deprecated")?,
        choice: at.flag("choice")?,
        oneof_docs: at.list("oneofs", oneof)?.into_iter().collect(),
        fields: at.list("fields", field)?,
        reserved: at.list("reserved", range)?,
        reserved_names: at.list("reserved_names", item)?,
        messages: at.list("messages", message)?,
        enums: at.list("enums", enumeration)?,
    })
}

/// The name of a oneof and its doc comment.
fn oneof(at: &Cursor<'_>) -> Result<(String, String)> {
    Ok((at.name("name")?, at.text("doc")?.to_owned()))
}

fn field(at: &Cursor<'_>) -> Result<Field> {
    let name = at.name("name")?;
    let ty = at.name("type")?;
    let Some((label, kind)) = field_type(&ty) else {
        return Err(at.wrong(&format!("`{}` is not a type", ty.escape_debug())));
    };
    let json = match at.text("json")? {
        "" => json_name(&name),
        other => other.to_owned(),
    };
    Ok(Field {
        tag: at.number("tag")?,
        name,
        json_name: json,
        kind,
        label,
        unpacked: at.flag("unpacked")?,
        oneof: Some(at.text("oneof")?)
            .filter(|oneof| !oneof.is_empty())
            .map(str::to_owned),
        required: at.flag("required")?,
        doc: at.text("doc")?.to_owned(),
        deprecated: at.flag("deprecated")?,
    })
}

/// Parses a type with its label, for example `map<string, shop.Item>`.
fn field_type(text: &str) -> Option<(Label, Kind)> {
    if let Some(inner) = text.strip_prefix("map<") {
        let (key, value) = inner.strip_suffix('>')?.split_once(", ")?;
        let key = Kind::scalar(key).filter(Kind::is_key)?;
        return Some((Label::Map(key), kind(value)?));
    }
    match text.split_once(' ') {
        None => Some((Label::Single, kind(text)?)),
        Some(("optional", rest)) => Some((Label::Optional, kind(rest)?)),
        Some(("repeated", rest)) => Some((Label::Repeated, kind(rest)?)),
        Some(_) => None,
    }
}

fn kind(text: &str) -> Option<Kind> {
    let plain = |char: char| char.is_ascii_alphanumeric() || "._".contains(char);
    let named = || text.chars().all(plain) && !text.is_empty();
    Kind::scalar(text).or_else(|| named().then(|| Kind::Message(text.to_owned())))
}

fn item(at: &Cursor<'_>) -> Result<String> {
    let text = at.json.as_str().map(str::to_owned);
    text.ok_or_else(|| at.wrong("it is not a string"))
}

/// Parses `5` or `"5 to 7"`.
fn range(at: &Cursor<'_>) -> Result<(i32, i32)> {
    let number = |number: i64| i32::try_from(number).ok();
    let range = match at.json {
        Json::String(text) => text
            .split_once(" to ")
            .and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?))),
        json => json.as_i64().and_then(number).map(|one| (one, one)),
    };
    range.ok_or_else(|| at.wrong("it is neither a number nor a string such as `5 to 7`"))
}

fn enumeration(at: &Cursor<'_>) -> Result<Enum> {
    Ok(Enum {
        name: at.name("name")?,
        doc: at.text("doc")?.to_owned(),
        deprecated: at.flag("deprecated")?,
        values: at.list("values", value)?,
        reserved: at.list("reserved", range)?,
        reserved_names: at.list("reserved_names", item)?,
        catch_all: at.flag("catch_all")?,
    })
}

fn value(at: &Cursor<'_>) -> Result<Value> {
    Ok(Value {
        name: at.name("name")?,
        number: at.number("number")?,
        doc: at.text("doc")?.to_owned(),
        deprecated: at.flag("deprecated")?,
        placeholder: at.flag("placeholder")?,
    })
}

fn service(at: &Cursor<'_>) -> Result<Service> {
    Ok(Service {
        name: at.name("name")?,
        doc: at.text("doc")?.to_owned(),
        deprecated: at.flag("deprecated")?,
        methods: at.list("methods", method)?,
    })
}

fn method(at: &Cursor<'_>) -> Result<Method> {
    let (request, reply) = (at.name("request")?, at.name("reply")?);
    let bare = |name: &str| name.strip_prefix("stream ").map(str::to_owned);
    let error = at.text("error")?;
    Ok(Method {
        name: at.name("name")?,
        streams_requests: bare(&request).is_some(),
        request: bare(&request).unwrap_or(request),
        streams_responses: bare(&reply).is_some(),
        reply: bare(&reply).unwrap_or(reply),
        error: Some(error.to_owned()).filter(|name| !name.is_empty()),
        idempotent: at.flag("idempotent")?,
        safe: at.flag("safe")?,
        http: at.list("http", http)?,
        doc: at.text("doc")?.to_owned(),
        deprecated: at.flag("deprecated")?,
    })
}

fn http(at: &Cursor<'_>) -> Result<Http> {
    Ok(Http {
        verb: at.name("verb")?,
        path: at.name("path")?,
        body: at.text("body")?.to_owned(),
        response_body: at.text("response_body")?.to_owned(),
    })
}
