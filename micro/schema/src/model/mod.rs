//! The model: what a [`Schema`] holds, as plain data.
//!
//! Knows all that protobuf's descriptors say of a proto3 file, what our own readers refuse beyond
//! that, and no way to write it down.

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

/// One `.proto` file: what belongs to one package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct File {
    /// The name, for example `shop.proto`.
    pub name: String,
    /// The package, for example `shop`; may be empty.
    pub package: String,
    /// The messages that lie in no other, by name.
    pub messages: Vec<Message>,
    /// The enums that lie in no message, by name.
    pub enums: Vec<Enum>,
    /// The services, by name.
    pub services: Vec<Service>,
    /// Whether it says what must be sent: [`Field::required`], [`Message::choice`] and what enums
    /// have for unknown numbers. `.proto` files have no words for it.
    pub knows_required: bool,
}

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The last part of its name: `Item` of `shop.Item`.
    pub name: String,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
    /// Whether exactly one of its fields must be set, and readers refuse a message without one.
    pub choice: bool,
    /// The doc comments of its oneofs, by name.
    pub oneof_docs: BTreeMap<String, String>,
    /// Its fields, by tag.
    pub fields: Vec<Field>,
    /// Tags that no field may have, first and last included, in order and apart.
    pub reserved: Vec<(i32, i32)>,
    /// Names that no field may have, in order.
    pub reserved_names: Vec<String>,
    /// The messages that lie in it, by name.
    pub messages: Vec<Message>,
    /// The enums that lie in it, by name.
    pub enums: Vec<Enum>,
}

/// A field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// The tag: its number on the wire.
    pub tag: i32,
    /// The name in `.proto` files.
    pub name: String,
    /// The name in JSON.
    pub json_name: String,
    /// What one value is.
    pub kind: Kind,
    /// How many values there are.
    pub label: Label,
    /// Whether each number of a list is written with its tag, as protobuf did it at first.
    pub unpacked: bool,
    /// The name of the oneof it belongs to.
    pub oneof: Option<String>,
    /// Whether readers refuse a message without it: nothing stands for absent.
    pub required: bool,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
}

/// An enum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enum {
    /// The last part of its name: `Status` of `shop.Status`.
    pub name: String,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
    /// Its values: the first one, which is zero, then the others by number.
    pub values: Vec<Value>,
    /// Numbers that no value may have, first and last included, in order and apart.
    pub reserved: Vec<(i32, i32)>,
    /// Names that no value may have, in order.
    pub reserved_names: Vec<String>,
    /// Whether readers have a place for numbers that no value has.
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
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
    /// Whether nobody sends or reads it: protobuf wants a value with the number 0.
    pub placeholder: bool,
}

/// A service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// The last part of its name: `Cart` of `shop.Cart`.
    pub name: String,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
    /// Its methods, by name.
    pub methods: Vec<Method>,
}

/// A method of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own in protobuf, too"
)]
pub struct Method {
    /// The name: `Get` of `/shop.Cart/Get`.
    pub name: String,
    /// The full name of the request.
    pub request: String,
    /// Whether the caller sends a stream of requests.
    pub streams_requests: bool,
    /// The full name of the reply.
    pub reply: String,
    /// Whether the service answers with a stream of replies.
    pub streams_replies: bool,
    /// The full name of the message in which its typed errors travel, if it has such.
    pub error: Option<String>,
    /// Whether running it twice is the same as running it once.
    pub idempotent: bool,
    /// Whether running it changes nothing at all; it is idempotent, too.
    pub safe: bool,
    /// How it is reached by plain HTTP.
    pub http: Vec<Http>,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
}

/// One way to reach a method by plain HTTP, after the rules of `google.api.http`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Http {
    /// The HTTP method in capitals.
    pub verb: String,
    /// The path with its variables: `/v1/carts/{cart}`.
    pub path: String,
    /// The field of the request that the body fills: a name, `*` for all that the path leaves
    /// over, or empty when there is no body.
    pub body: String,
    /// The field of the reply that is the response's body; empty: the whole reply.
    pub response_body: String,
}

impl Message {
    /// Whether a tag is reserved.
    pub fn reserves(&self, tag: i32) -> bool {
        self.reserved
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&tag))
    }

    /// The names of its oneofs, in the order of their first fields.
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
    /// A method by its name and the full names of request and reply.
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
    /// A rule without a body.
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
