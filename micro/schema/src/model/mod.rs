//! The model: the contents of a [`Schema`], as plain data.
//!
//! It contains everything that protobuf's descriptors express for a proto3 file, and the additional
//! requirements of micro's own readers. Other modules read and write it.

mod from_files;
mod from_types;
mod known;
mod kind;
mod merge;
#[cfg(test)]
pub(super) mod sample;
mod schema;

use std::collections::BTreeMap;
use std::fmt;

pub use self::kind::{Kind, Label};
pub use self::schema::Schema;

pub(super) use self::known::known_file;
pub(super) use self::schema::{full, json_name};

/// One `.proto` file, with definitions of one package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct File {
    /// The name, for example `shop.proto`.
    pub name: String,
    /// The package, for example `shop`. May be empty.
    pub package: String,
    /// The top-level messages, by name.
    pub messages: Vec<Message>,
    /// The top-level enums, by name.
    pub enums: Vec<Enum>,
    /// The services, by name.
    pub services: Vec<Service>,
    /// Whether the file records requirements: [`Field::required`], [`Message::choice`] and
    /// [`Enum::catch_all`]. `.proto` files cannot express them.
    pub knows_required: bool,
}

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The last part of the full name: `Item` in `shop.Item`.
    pub name: String,
    /// The doc comment.
    pub doc: String,
    /// Whether the message is marked as deprecated.
    pub deprecated: bool,
    /// Whether exactly one of the fields must be set. Readers reject a message without one.
    pub choice: bool,
    /// The doc comments of the oneofs, by name.
    pub oneof_docs: BTreeMap<String, String>,
    /// The fields, by tag.
    pub fields: Vec<Field>,
    /// Reserved tags, as sorted, disjoint ranges with inclusive ends.
    pub reserved: Vec<(i32, i32)>,
    /// Reserved field names, sorted.
    pub reserved_names: Vec<String>,
    /// The nested messages, by name.
    pub messages: Vec<Message>,
    /// The nested enums, by name.
    pub enums: Vec<Enum>,
}

/// A field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// The tag: the number of the field on the wire.
    pub tag: i32,
    /// The name in `.proto` files.
    pub name: String,
    /// The name in JSON.
    pub json_name: String,
    /// The kind of one value.
    pub kind: Kind,
    /// The number of values.
    pub label: Label,
    /// Whether a list of numbers is unpacked: each number is written with its tag, as in early
    /// protobuf.
    pub unpacked: bool,
    /// The name of the oneof that contains the field.
    pub oneof: Option<String>,
    /// Whether readers reject a message without the field, because the field has no default.
    pub required: bool,
    /// The doc comment.
    pub doc: String,
    /// Whether the field is marked as deprecated.
    pub deprecated: bool,
}

/// An enum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enum {
    /// The last part of the full name: `Status` in `shop.Status`.
    pub name: String,
    /// The doc comment.
    pub doc: String,
    /// Whether the enum is marked as deprecated.
    pub deprecated: bool,
    /// The values: the first one, whose number is zero, then the others by number.
    pub values: Vec<Value>,
    /// Reserved numbers, as sorted, disjoint ranges with inclusive ends.
    pub reserved: Vec<(i32, i32)>,
    /// Reserved value names, sorted.
    pub reserved_names: Vec<String>,
    /// Whether readers accept numbers that do not belong to any value.
    pub catch_all: bool,
}

/// A value of an enum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Value {
    /// The name in `.proto` files and JSON, for example `STATUS_ACTIVE`.
    pub name: String,
    /// The number on the wire.
    pub number: i32,
    /// The doc comment.
    pub doc: String,
    /// Whether the value is marked as deprecated.
    pub deprecated: bool,
    /// Whether the value is never sent or read: it exists only because protobuf requires a value
    /// with the number 0.
    pub placeholder: bool,
}

/// A service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// The last part of the full name: `Cart` in `shop.Cart`.
    pub name: String,
    /// The doc comment.
    pub doc: String,
    /// Whether the service is marked as deprecated.
    pub deprecated: bool,
    /// The methods, by name.
    pub methods: Vec<Method>,
}

/// A method of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a separate option in protobuf"
)]
pub struct Method {
    /// The name: `Get` in `/shop.Cart/Get`.
    pub name: String,
    /// The full name of the request message.
    pub request: String,
    /// Whether the caller sends a stream of requests.
    pub streams_requests: bool,
    /// The full name of the response message.
    pub reply: String,
    /// Whether the service sends a stream of responses.
    pub streams_responses: bool,
    /// The full name of the message for typed errors, if the method has them.
    pub error: Option<String>,
    /// Whether the method is idempotent: running it twice has the same effect as running it once.
    pub idempotent: bool,
    /// Whether the method has no side effects. A safe method is idempotent, too.
    pub safe: bool,
    /// The plain HTTP rules of the method.
    pub http: Vec<Http>,
    /// The doc comment.
    pub doc: String,
    /// Whether the method is marked as deprecated.
    pub deprecated: bool,
}

/// A plain HTTP rule of a method, as in `google.api.http`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Http {
    /// The HTTP method, in capitals.
    pub verb: String,
    /// The path template, for example `/v1/carts/{cart}`.
    pub path: String,
    /// The field of the request that the body fills: a name, `*` for all fields that are not in the
    /// path, or empty for no body.
    pub body: String,
    /// The field of the response message that is the HTTP body. Empty for the whole message.
    pub response_body: String,
}

impl Message {
    /// Whether a tag is reserved.
    pub fn reserves(&self, tag: i32) -> bool {
        self.reserved
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&tag))
    }

    /// The names of the oneofs, in the order of their first fields.
    pub fn oneofs(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self
            .fields
            .iter()
            .filter_map(|field| field.oneof.as_deref())
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

impl Enum {
    /// Whether a number is reserved.
    pub fn reserves(&self, number: i32) -> bool {
        self.reserved
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&number))
    }
}

impl Method {
    /// Creates a method from its name and the full names of request and response.
    pub fn new(
        name: impl Into<String>,
        request: impl Into<String>,
        reply: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            request: request.into(),
            reply: reply.into(),
            ..Self::default()
        }
    }
}

impl Http {
    /// Creates a rule without a body.
    pub fn new(verb: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            verb: verb.into(),
            path: path.into(),
            ..Self::default()
        }
    }
}

impl fmt::Display for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.path)
    }
}
