//! Maps the types of fields and of methods to Rust types, and to the keys of their attributes.

use std::collections::{BTreeMap, BTreeSet};

use protox::prost_reflect::{
    DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
};

use crate::plan::Plan;

/// The messages of the option `google.api.http`. Other messages of its package are generated.
const RULES: &[&str] = &[
    "google.api.Http",
    "google.api.HttpRule",
    "google.api.CustomHttpPattern",
];

/// The Rust types of all messages and enums.
#[derive(Debug)]
pub(crate) struct Types {
    pub(crate) plan: Plan,
    externs: Vec<(String, String)>,
    /// For each message, the messages that it contains without a list or map in between.
    reaches: BTreeMap<String, BTreeSet<String>>,
}

/// The Rust type of a field and its encoding keys.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FieldType {
    pub(crate) rust: String,
    pub(crate) encoding: Option<String>,
    pub(crate) unpacked: bool,
}

/// The Rust type of a value and its encoding.
type Value = (String, Option<&'static str>);

impl Types {
    pub(crate) fn of(pool: &DescriptorPool, externs: &[(String, String)]) -> Self {
        let edges: BTreeMap<String, BTreeSet<String>> = pool
            .all_messages()
            .map(|message| (message.full_name().to_owned(), contained(&message)))
            .collect();
        let reaches = edges
            .keys()
            .map(|from| (from.clone(), reach(from, &edges)))
            .collect();
        let mut externs = externs.to_vec();
        // The longest matching name is the most specific one.
        externs.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self {
            plan: Plan::of(pool),
            externs,
            reaches,
        }
    }

    /// Whether code is generated for a type, service or package: it is neither mapped nor built in.
    pub(crate) fn is_generated(&self, name: &str) -> bool {
        let built_in = name.starts_with("google.protobuf.") || RULES.contains(&name);
        !built_in && self.mapped(name).is_none()
    }

    /// Returns the existing type that `extern_path` maps a full name to.
    fn mapped(&self, name: &str) -> Option<String> {
        self.externs.iter().find_map(|(known, path)| {
            if known == name {
                return Some(path.clone());
            }
            name.strip_prefix(known.as_str())?.strip_prefix('.')?;
            // The mapped module has the same nested modules and names as generated code.
            let place = self.plan.place(name)?;
            let package = crate::plan::modules(known).len();
            let inner = place.modules.get(package..).unwrap_or_default();
            let inner: Vec<_> = inner.iter().map(|name| crate::names::ident(name)).collect();
            let ident = crate::names::ident(&place.ident);
            Some([&[path.clone()][..], &inner, &[ident]].concat().join("::"))
        })
    }

    /// Returns a type of the standard prelude, as a full path if its name is shadowed in the
    /// module.
    pub(crate) fn std(&self, from: &[String], name: &str) -> String {
        if !self.plan.hides(from, name) {
            return name.to_owned();
        }
        let module = match name {
            "Option" => "option",
            "String" => "string",
            "Vec" => "vec",
            _ => "boxed",
        };
        format!("::std::{module}::{name}")
    }

    /// Returns the type of a field that is not in a oneof.
    pub(crate) fn field(&self, field: &FieldDescriptor, from: &[String]) -> FieldType {
        let plain = |rust, encoding: Option<&str>| FieldType {
            rust,
            encoding: encoding.map(str::to_owned),
            unpacked: false,
        };
        if let Kind::Message(entry) = field.kind()
            && field.is_map()
        {
            let key = self.value(&entry.map_entry_key_field().kind(), from);
            let value = self.value(&entry.map_entry_value_field().kind(), from);
            let rust = format!("::std::collections::HashMap<{}, {}>", key.0, value.0);
            let encoding = (key.1.is_some() || value.1.is_some())
                .then(|| format!("map<{}, {}>", key.1.unwrap_or("_"), value.1.unwrap_or("_")));
            return plain(rust, encoding.as_deref());
        }
        let (rust, encoding) = self.value(&field.kind(), from);
        if field.is_list() {
            let packable = !matches!(field.kind(), Kind::Message(_) | Kind::String | Kind::Bytes);
            let vec = self.std(from, "Vec");
            return FieldType {
                unpacked: packable && !field.is_packed(),
                ..plain(format!("{vec}<{rust}>"), encoding)
            };
        }
        if field.supports_presence() {
            let option = self.std(from, "Option");
            let rust = self.boxed(field, rust, from);
            return plain(format!("{option}<{rust}>"), encoding);
        }
        plain(rust, encoding)
    }

    /// Returns type and encoding of a variant of a oneof; no type for `google.protobuf.Empty`.
    pub(crate) fn variant(
        &self,
        field: &FieldDescriptor,
        from: &[String],
    ) -> (Option<String>, Option<&'static str>) {
        let (rust, encoding) = self.value(&field.kind(), from);
        if rust == "()" {
            return (None, None);
        }
        (Some(self.boxed(field, rust, from)), encoding)
    }

    /// Returns the type of a message that a method takes or returns.
    pub(crate) fn message(&self, message: &MessageDescriptor, from: &[String]) -> String {
        if self.mapped(message.full_name()).is_none()
            && let Some((_, wrapper)) = wrapper(message.full_name())
        {
            return format!("::micro::types::{wrapper}");
        }
        let rust = self.value(&Kind::Message(message.clone()), from).0;
        // `#[micro::rpc]` treats these names without a path as parts of the call, not as a request.
        if matches!(rust.as_str(), "Context" | "Caller") {
            return format!("self::{rust}");
        }
        rust
    }

    fn boxed(&self, field: &FieldDescriptor, rust: String, from: &[String]) -> String {
        let within = field.parent_message();
        let recursive = match field.kind() {
            Kind::Message(message) => {
                message == *within
                    || self
                        .reaches
                        .get(message.full_name())
                        .is_some_and(|reached| reached.contains(within.full_name()))
            }
            _ => false,
        };
        if recursive {
            format!("{}<{rust}>", self.std(from, "Box"))
        } else {
            rust
        }
    }

    fn value(&self, kind: &Kind, from: &[String]) -> Value {
        let plain = |name: &str| (name.to_owned(), None);
        match kind {
            Kind::Double => plain("f64"),
            Kind::Float => plain("f32"),
            Kind::Int32 => plain("i32"),
            Kind::Int64 => plain("i64"),
            Kind::Uint32 => plain("u32"),
            Kind::Uint64 => plain("u64"),
            Kind::Sint32 => ("i32".to_owned(), Some("sint32")),
            Kind::Sint64 => ("i64".to_owned(), Some("sint64")),
            Kind::Fixed32 => ("u32".to_owned(), Some("fixed32")),
            Kind::Fixed64 => ("u64".to_owned(), Some("fixed64")),
            Kind::Sfixed32 => ("i32".to_owned(), Some("sfixed32")),
            Kind::Sfixed64 => ("i64".to_owned(), Some("sfixed64")),
            Kind::Bool => plain("bool"),
            Kind::String => (self.std(from, "String"), None),
            Kind::Bytes => (format!("{}<u8>", self.std(from, "Vec")), None),
            Kind::Message(message) => self.message_value(message, from),
            Kind::Enum(descriptor) => (self.enumeration(descriptor, from), None),
        }
    }

    fn message_value(&self, message: &MessageDescriptor, from: &[String]) -> Value {
        let name = message.full_name();
        if let Some(path) = self.mapped(name) {
            return (path, None);
        }
        if let Some((rust, _)) = wrapper(name) {
            let rust = match rust {
                "String" => self.std(from, "String"),
                "Vec" => format!("{}<u8>", self.std(from, "Vec")),
                rust => rust.to_owned(),
            };
            return (rust, Some("wrapper"));
        }
        (self.path(name, from), None)
    }

    fn enumeration(&self, descriptor: &EnumDescriptor, from: &[String]) -> String {
        let name = descriptor.full_name();
        self.mapped(name).unwrap_or_else(|| self.path(name, from))
    }

    /// Returns the path of a generated or well-known type.
    fn path(&self, name: &str, from: &[String]) -> String {
        if let Some(known) = well_known(name) {
            return known.to_owned();
        }
        match self.plan.place(name) {
            Some(place) => place.path(from),
            None => name.to_owned(),
        }
    }

    /// Whether a type is used but has no Rust type.
    pub(crate) fn is_unknown(&self, name: &str) -> bool {
        name.starts_with("google.protobuf.")
            && self.mapped(name).is_none()
            && well_known(name).is_none()
            && wrapper(name).is_none()
    }
}

/// Returns the Rust type of a well-known message of protobuf.
fn well_known(name: &str) -> Option<&'static str> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "Timestamp" => "::std::time::SystemTime",
        "Duration" => "::std::time::Duration",
        "Empty" => "()",
        "Any" => "::micro::types::Any",
        "Struct" => "::micro::types::Struct",
        "Value" => "::micro::types::Value",
        "ListValue" => "::micro::types::ListValue",
        "NullValue" => "::micro::types::NullValue",
        "FieldMask" => "::micro::types::FieldMask",
        _ => return None,
    })
}

/// Returns the Rust type within a wrapper message, and the name of the wrapper.
fn wrapper(name: &str) -> Option<(&'static str, &'static str)> {
    let wrappers = [
        ("f64", "DoubleValue"),
        ("f32", "FloatValue"),
        ("i64", "Int64Value"),
        ("u64", "UInt64Value"),
        ("i32", "Int32Value"),
        ("u32", "UInt32Value"),
        ("bool", "BoolValue"),
        ("String", "StringValue"),
        ("Vec", "BytesValue"),
    ];
    let name = name.strip_prefix("google.protobuf.")?;
    wrappers.into_iter().find(|(_, known)| *known == name)
}

/// Returns the messages in the fields of a message, without lists and maps.
fn contained(message: &MessageDescriptor) -> BTreeSet<String> {
    let fields = message
        .fields()
        .filter(|field| !field.is_list() && !field.is_map());
    fields
        .filter_map(|field| match field.kind() {
            Kind::Message(message) => Some(message.full_name().to_owned()),
            _ => None,
        })
        .collect()
}

fn reach(from: &str, edges: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(name) = open.pop() {
        for next in edges.get(&name).into_iter().flatten() {
            if reached.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    reached
}
