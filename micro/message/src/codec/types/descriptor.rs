//! What messages, enums and services are: plain data.
//!
//! `schema` turns it into descriptor files and texts.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A message: a struct, or an enum with data.
#[derive(Debug, Clone, Default)]
pub struct MessageDescriptor {
    /// The package, for example `shop`.
    pub package: String,
    /// The name within the package; a dot separates the message it lies in.
    pub name: String,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
    /// Its fields, in the order of the source.
    pub fields: Vec<FieldDescriptor>,
    /// Field numbers that must not be used again.
    pub reserved: Vec<RangeInclusive<u32>>,
    /// Names of fields that must not be used again.
    pub reserved_names: Vec<String>,
    /// Whether exactly one of the fields is set: an enum with data.
    pub choice: bool,
    /// The doc comments of its oneofs, by name.
    pub oneof_docs: BTreeMap<String, String>,
}

/// One field of a message.
#[derive(Debug, Clone)]
pub struct FieldDescriptor {
    /// The name on the wire, in `snake_case`.
    pub name: String,
    /// The name in JSON, in `lowerCamelCase`.
    pub json_name: String,
    /// The field number.
    pub tag: u32,
    /// What it holds.
    pub ty: FieldType,
    /// The oneof that it is a member of: at most one of them is set.
    pub oneof: Option<String>,
    /// Whether readers refuse a message without it: nothing stands for absent.
    pub required: bool,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
}

/// What a field holds, and how many of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldType {
    /// What one value is.
    pub kind: Kind,
    /// How many there are.
    pub label: Label,
    /// Whether a list of numbers is written one by one, each with the field's number.
    pub unpacked: bool,
}

/// What one value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit float.
    Double,
    /// 32-bit float.
    Float,
    /// Signed, up to 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, up to 32 bits.
    Uint32,
    /// Unsigned, 64 bits.
    Uint64,
    /// Signed, up to 32 bits, short for small negative numbers.
    Sint32,
    /// Signed, 64 bits, short for small negative numbers.
    Sint64,
    /// Unsigned, always four bytes.
    Fixed32,
    /// Unsigned, always eight bytes.
    Fixed64,
    /// Signed, always four bytes.
    Sfixed32,
    /// Signed, always eight bytes.
    Sfixed64,
    /// True or false.
    Bool,
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// A message, by full name.
    Message(String),
    /// An enum without data, by full name.
    Enum(String),
}

/// How many values a field has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// One; for anything but messages, absent and zero are the same.
    Single,
    /// One or none.
    Optional,
    /// Any number, in order.
    Repeated,
    /// Any number, by keys of this kind.
    Map(Kind),
}

/// An enum without data.
#[derive(Debug, Clone, Default)]
pub struct EnumDescriptor {
    /// The package, for example `shop`.
    pub package: String,
    /// The name within the package.
    pub name: String,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
    /// Its values; the first is zero. Several names may have one number; the first one counts.
    pub values: Vec<ValueDescriptor>,
    /// Numbers that must not be used again.
    pub reserved: Vec<RangeInclusive<i32>>,
    /// Names of values that must not be used again.
    pub reserved_names: Vec<String>,
    /// Whether there is a place for numbers that no value has.
    pub catch_all: bool,
}

/// One value of an enum.
#[derive(Debug, Clone)]
pub struct ValueDescriptor {
    /// The full name, for example `STATUS_ACTIVE`.
    pub name: String,
    /// The number on the wire.
    pub number: i32,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
    /// Whether no variant has it: it is there because protobuf wants a value with the number 0.
    pub placeholder: bool,
}

/// A service.
#[derive(Debug, Clone, Default)]
pub struct ServiceDescriptor {
    /// The package, for example `greeter`.
    pub package: String,
    /// The name within the package, for example `Greeter`.
    pub name: String,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
    /// Its methods, in the order to show them.
    pub methods: Vec<MethodDescriptor>,
}

/// One method of a service.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own in protobuf, too"
)]
pub struct MethodDescriptor {
    /// The name, for example `Hello`.
    pub name: String,
    /// Full name of the request message.
    pub input: String,
    /// Full name of the reply message.
    pub output: String,
    /// Whether the caller sends a stream.
    pub client_streaming: bool,
    /// Whether the service sends a stream.
    pub server_streaming: bool,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
    /// Whether a call may be repeated without harm.
    pub idempotent: bool,
    /// Whether a call changes nothing; it may be repeated, too.
    pub safe: bool,
}

impl FieldType {
    /// One value of this kind.
    pub fn single(kind: Kind) -> Self {
        Self {
            kind,
            label: Label::Single,
            unpacked: false,
        }
    }

    /// One value of this kind or none.
    pub fn optional(kind: Kind) -> Self {
        Self {
            label: Label::Optional,
            ..Self::single(kind)
        }
    }

    /// Any number of values of this kind.
    pub fn repeated(kind: Kind) -> Self {
        Self {
            label: Label::Repeated,
            ..Self::single(kind)
        }
    }

    /// Any number of values of this kind, by keys of that kind.
    pub fn map(key: Kind, value: Kind) -> Self {
        Self {
            label: Label::Map(key),
            ..Self::single(value)
        }
    }
}

impl MessageDescriptor {
    /// Documents the message itself.
    pub fn about_it(&mut self, doc: &str, deprecated: bool) {
        doc.clone_into(&mut self.doc);
        self.deprecated = deprecated;
    }

    /// Documents a oneof, unless there is nothing to say.
    pub fn about_oneof(&mut self, oneof: &str, doc: &str) {
        if !doc.is_empty() {
            self.oneof_docs.insert(oneof.to_owned(), doc.to_owned());
        }
    }

    /// Says what must not be used again.
    pub fn reserve(&mut self, numbers: &[RangeInclusive<u32>], names: &[&str]) {
        numbers.clone_into(&mut self.reserved);
        self.reserved_names = names.iter().map(|&name| name.to_owned()).collect();
    }

    /// Adds a field.
    pub fn field(&mut self, tag: u32, [name, json_name]: [&str; 2], ty: FieldType) -> &mut Self {
        let (name, json_name) = (name.to_owned(), json_name.to_owned());
        let (doc, deprecated) = (String::new(), false);
        self.fields.push(FieldDescriptor {
            name,
            json_name,
            tag,
            ty,
            oneof: None,
            required: false,
            doc,
            deprecated,
        });
        self
    }

    /// Makes the field added last a member of a oneof.
    pub fn of(&mut self, oneof: &str) -> &mut Self {
        if let Some(field) = self.fields.last_mut() {
            field.oneof = Some(oneof.to_owned());
        }
        self
    }

    /// Says whether readers refuse a message without the field added last.
    pub fn required(&mut self, required: bool) -> &mut Self {
        if let Some(field) = self.fields.last_mut() {
            field.required = required;
        }
        self
    }

    /// Documents the field added last.
    pub fn about(&mut self, doc: &str, deprecated: bool) {
        if let Some(field) = self.fields.last_mut() {
            doc.clone_into(&mut field.doc);
            field.deprecated = deprecated;
        }
    }
}

impl EnumDescriptor {
    /// Documents the enum itself.
    pub fn about_it(&mut self, doc: &str, deprecated: bool) {
        doc.clone_into(&mut self.doc);
        self.deprecated = deprecated;
    }

    /// Says what must not be used again.
    pub fn reserve(&mut self, numbers: &[RangeInclusive<i32>], names: &[&str]) {
        numbers.clone_into(&mut self.reserved);
        self.reserved_names = names.iter().map(|&name| name.to_owned()).collect();
    }

    /// Adds a value.
    pub fn value(&mut self, number: i32, name: &str, doc: &str, deprecated: bool) {
        let (name, doc) = (name.to_owned(), doc.to_owned());
        self.values.push(ValueDescriptor {
            name,
            number,
            doc,
            deprecated,
            placeholder: false,
        });
    }

    /// Adds a value 0 that no variant has.
    pub fn placeholder(&mut self, name: &str) {
        self.value(0, name, "", false);
        if let Some(value) = self.values.last_mut() {
            value.placeholder = true;
        }
    }
}
