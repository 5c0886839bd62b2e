//! `Types`: what is known of messages, enums and services, each once.
//!
//! Plain data; `schema` turns it into descriptor files and texts.

use std::any::TypeId;
use std::collections::BTreeMap;

/// Collects descriptors of messages, enums and services, each once.
#[derive(Debug, Default)]
pub struct Types {
    messages: BTreeMap<String, MessageDescriptor>,
    enums: BTreeMap<String, EnumDescriptor>,
    services: BTreeMap<String, ServiceDescriptor>,
    /// Which Rust type has a name; the first one keeps it.
    owners: BTreeMap<String, (TypeId, &'static str)>,
    conflicts: Vec<Conflict>,
}

/// Two Rust types under one protobuf name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// The full protobuf name, for example `shop.Order`.
    pub name: String,
    /// The Rust type that has the name.
    pub first: &'static str,
    /// The Rust type that wants it, too.
    pub second: &'static str,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            first,
            second,
        } = self;
        write!(
            f,
            "`{first}` and `{second}` are both named `{name}`; give one of them another name with \
             `#[micro::message(name = \"…\")]` or `package = \"…\"`"
        )
    }
}

/// A message: a struct, or an enum with data.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
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
    pub reserved: Vec<u32>,
    /// Whether exactly one of the fields is set: an enum with data.
    pub choice: bool,
}

/// One field of a message.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FieldDescriptor {
    /// The name on the wire, in `snake_case`.
    pub name: String,
    /// The name in JSON, in `lowerCamelCase`.
    pub json_name: String,
    /// The field number.
    pub tag: u32,
    /// What it holds.
    pub ty: FieldType,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
}

/// What a field holds, and how many of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldType {
    /// What one value is.
    pub kind: Kind,
    /// How many there are.
    pub label: Label,
}

/// What one value is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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
#[non_exhaustive]
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
#[non_exhaustive]
pub struct EnumDescriptor {
    /// The package, for example `shop`.
    pub package: String,
    /// The name within the package.
    pub name: String,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
    /// Its values; the first is zero.
    pub values: Vec<ValueDescriptor>,
    /// Numbers that must not be used again.
    pub reserved: Vec<u32>,
}

/// One value of an enum.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ValueDescriptor {
    /// The full name, for example `STATUS_ACTIVE`.
    pub name: String,
    /// The number on the wire.
    pub number: i32,
    /// The doc comment.
    pub doc: String,
    /// Whether it is marked as deprecated.
    pub deprecated: bool,
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
    /// Its methods, in the order to show them.
    pub methods: Vec<MethodDescriptor>,
}

/// One method of a service.
#[derive(Debug, Clone, Default)]
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
    /// Whether a call may be repeated without harm.
    pub idempotent: bool,
}

impl FieldType {
    /// One value of this kind.
    pub fn single(kind: Kind) -> Self {
        Self {
            kind,
            label: Label::Single,
        }
    }

    /// One value of this kind or none.
    pub fn optional(kind: Kind) -> Self {
        Self {
            kind,
            label: Label::Optional,
        }
    }

    /// Any number of values of this kind.
    pub fn repeated(kind: Kind) -> Self {
        Self {
            kind,
            label: Label::Repeated,
        }
    }
}

impl MessageDescriptor {
    /// Documents the message itself.
    pub fn about_it(&mut self, doc: &str, deprecated: bool, reserved: &[u32]) {
        doc.clone_into(&mut self.doc);
        self.deprecated = deprecated;
        reserved.clone_into(&mut self.reserved);
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
            doc,
            deprecated,
        });
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
    pub fn about_it(&mut self, doc: &str, deprecated: bool, reserved: &[u32]) {
        doc.clone_into(&mut self.doc);
        self.deprecated = deprecated;
        reserved.clone_into(&mut self.reserved);
    }

    /// Adds a value.
    pub fn value(&mut self, number: i32, name: &str, doc: &str, deprecated: bool) {
        let (name, doc) = (name.to_owned(), doc.to_owned());
        self.values.push(ValueDescriptor {
            name,
            number,
            doc,
            deprecated,
        });
    }
}

impl Types {
    /// Adds the message of the Rust type `T` unless it is there; returns its full name.
    ///
    /// `fill` completes the descriptor and may add the types of its fields, `T` itself included.
    pub fn message<T: 'static>(
        &mut self,
        package: &str,
        name: &str,
        fill: impl FnOnce(&mut MessageDescriptor, &mut Self),
    ) -> String {
        let full = full_name(package, name);
        if self.own::<T>(&full) {
            let mut message = MessageDescriptor {
                package: package.to_owned(),
                name: name.to_owned(),
                ..MessageDescriptor::default()
            };
            fill(&mut message, self);
            self.messages.insert(full.clone(), message);
        }
        full
    }

    /// Adds the enum of the Rust type `T` unless it is there; returns its full name.
    pub fn enumeration<T: 'static>(
        &mut self,
        package: &str,
        name: &str,
        fill: impl FnOnce(&mut EnumDescriptor),
    ) -> String {
        let full = full_name(package, name);
        if self.own::<T>(&full) {
            let mut descriptor = EnumDescriptor {
                package: package.to_owned(),
                name: name.to_owned(),
                ..EnumDescriptor::default()
            };
            fill(&mut descriptor);
            self.enums.insert(full.clone(), descriptor);
        }
        full
    }

    /// Adds a service, or its methods to the one of that name.
    pub fn service(&mut self, service: ServiceDescriptor) {
        let full = full_name(&service.package, &service.name);
        match self.services.get_mut(&full) {
            Some(known) => known.methods.extend(service.methods),
            None => {
                self.services.insert(full, service);
            }
        }
    }

    /// Notes whose name it is; whether it is new.
    fn own<T: 'static>(&mut self, name: &str) -> bool {
        let (id, rust) = (TypeId::of::<T>(), std::any::type_name::<T>());
        let Some(&(owner, first)) = self.owners.get(name) else {
            self.owners.insert(name.to_owned(), (id, rust));
            return true;
        };
        let conflict = Conflict {
            name: name.to_owned(),
            first,
            second: rust,
        };
        if owner != id && !self.conflicts.contains(&conflict) {
            self.conflicts.push(conflict);
        }
        false
    }

    /// Names that two Rust types claim.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// All messages, by full name.
    pub fn messages(&self) -> &BTreeMap<String, MessageDescriptor> {
        &self.messages
    }

    /// All enums, by full name.
    pub fn enums(&self) -> &BTreeMap<String, EnumDescriptor> {
        &self.enums
    }

    /// All services, by full name.
    pub fn services(&self) -> &BTreeMap<String, ServiceDescriptor> {
        &self.services
    }
}

/// `package.Name`; just the name when there is no package.
pub fn full_name(package: &str, name: &str) -> String {
    if package.is_empty() {
        name.to_owned()
    } else {
        format!("{package}.{name}")
    }
}
