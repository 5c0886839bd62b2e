//! Descriptors of messages, enums and services, as plain data.
//!
//! `schema` turns them into descriptor files and texts.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A message: a struct, or an enum with data.
#[derive(Debug, Clone, Default)]
pub struct MessageDescriptor {
    /// The package, for example `shop`.
    pub package: String,
    /// The name within the package. For a nested message, the names are separated by dots.
    pub name: String,
    /// The doc comment.
    pub doc: String,
    /// Whether the message is marked as deprecated.
    pub deprecated: bool,
    /// The fields, in the order of the source.
    pub fields: Vec<FieldDescriptor>,
    /// Field numbers that must not be used again.
    pub reserved: Vec<RangeInclusive<u32>>,
    /// Names of fields that must not be used again.
    pub reserved_names: Vec<String>,
    /// Whether exactly one of the fields is set, as in an enum with data.
    pub choice: bool,
    /// The doc comments of the oneofs, by name.
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
    /// The type of the field.
    pub ty: FieldType,
    /// The oneof that contains the field. At most one field of a oneof is set.
    pub oneof: Option<String>,
    /// Whether a message without the field cannot be decoded, because the field has no default.
    pub required: bool,
    /// The doc comment.
    pub doc: String,
    /// Whether the field is marked as deprecated.
    pub deprecated: bool,
}

/// The kind of a field's values, and how many values it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldType {
    /// The kind of one value.
    pub kind: Kind,
    /// The number of values.
    pub label: Label,
    /// Whether a list of numbers is unpacked: each number is written as a field of its own.
    pub unpacked: bool,
}

/// The kind of one value.
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
    /// Signed, up to 32 bits, compact for small negative numbers.
    Sint32,
    /// Signed, 64 bits, compact for small negative numbers.
    Sint64,
    /// Unsigned, always four bytes.
    Fixed32,
    /// Unsigned, always eight bytes.
    Fixed64,
    /// Signed, always four bytes.
    Sfixed32,
    /// Signed, always eight bytes.
    Sfixed64,
    /// A boolean.
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

/// The number of values of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// One value. Except for messages, an absent value is the same as zero.
    Single,
    /// Zero or one value.
    Optional,
    /// Any number of values, in order.
    Repeated,
    /// Any number of values with keys of this kind.
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
    /// Whether the enum is marked as deprecated.
    pub deprecated: bool,
    /// The values. The first one has the number 0. Several names may have the same number; the
    /// first of them is the canonical one.
    pub values: Vec<ValueDescriptor>,
    /// Numbers that must not be used again.
    pub reserved: Vec<RangeInclusive<i32>>,
    /// Names of values that must not be used again.
    pub reserved_names: Vec<String>,
    /// Whether a variant holds numbers that do not belong to any value.
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
    /// Whether the value is marked as deprecated.
    pub deprecated: bool,
    /// Whether no variant has this value: it exists only because protobuf requires a value with the
    /// number 0.
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
    /// Whether the service is marked as deprecated.
    pub deprecated: bool,
    /// The methods, in the order in which they are shown.
    pub methods: Vec<MethodDescriptor>,
}

/// One method of a service.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a separate option in protobuf"
)]
pub struct MethodDescriptor {
    /// The name, for example `Hello`.
    pub name: String,
    /// Full name of the request message.
    pub input: String,
    /// Full name of the response message.
    pub output: String,
    /// Whether the caller sends a stream.
    pub client_streaming: bool,
    /// Whether the service sends a stream.
    pub server_streaming: bool,
    /// The doc comment.
    pub doc: String,
    /// Whether the method is marked as deprecated.
    pub deprecated: bool,
    /// Whether calls are idempotent: a call may be repeated without harm.
    pub idempotent: bool,
    /// Whether calls have no side effects. Such a call may be repeated, too.
    pub safe: bool,
}

impl FieldType {
    /// A single value of this kind.
    pub fn single(kind: Kind) -> Self {
        Self {
            kind,
            label: Label::Single,
            unpacked: false,
        }
    }

    /// Zero or one value of this kind.
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

    /// Any number of values of this kind, with keys of the kind `key`.
    pub fn map(key: Kind, value: Kind) -> Self {
        Self {
            label: Label::Map(key),
            ..Self::single(value)
        }
    }
}

impl MessageDescriptor {
    /// Sets the doc comment of the message, and whether it is deprecated.
    pub fn document(&mut self, doc: &str, deprecated: bool) {
        doc.clone_into(&mut self.doc);
        self.deprecated = deprecated;
    }

    /// Sets the doc comment of a oneof, unless it is empty.
    pub fn document_oneof(&mut self, oneof: &str, doc: &str) {
        if !doc.is_empty() {
            self.oneof_docs.insert(oneof.to_owned(), doc.to_owned());
        }
    }

    /// Sets the field numbers and names that must not be used again.
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

    /// Puts the field added last into a oneof.
    pub fn of(&mut self, oneof: &str) -> &mut Self {
        if let Some(field) = self.fields.last_mut() {
            field.oneof = Some(oneof.to_owned());
        }
        self
    }

    /// Sets whether a message without the field added last cannot be decoded.
    pub fn required(&mut self, required: bool) -> &mut Self {
        if let Some(field) = self.fields.last_mut() {
            field.required = required;
        }
        self
    }

    /// Sets the doc comment of the field added last, and whether it is deprecated.
    pub fn document_field(&mut self, doc: &str, deprecated: bool) {
        if let Some(field) = self.fields.last_mut() {
            doc.clone_into(&mut field.doc);
            field.deprecated = deprecated;
        }
    }
}

impl EnumDescriptor {
    /// Sets the doc comment of the enum, and whether it is deprecated.
    pub fn document(&mut self, doc: &str, deprecated: bool) {
        doc.clone_into(&mut self.doc);
        self.deprecated = deprecated;
    }

    /// Sets the numbers and names that must not be used again.
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

    /// Adds a value with the number 0 that no variant has.
    pub fn placeholder(&mut self, name: &str) {
        self.value(0, name, "", false);
        if let Some(value) = self.values.last_mut() {
            value.placeholder = true;
        }
    }
}
