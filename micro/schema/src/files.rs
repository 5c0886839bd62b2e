//! Distributes types over `.proto` files, so that no files import each other in a cycle.
//!
//! Each package is one file. Packages that use each other are split into one file for each group of
//! types that contain each other. A group that spans several packages cannot be expressed in
//! protobuf and is an error.

use std::collections::{BTreeMap, BTreeSet};

use crate::convert::Writer;
use crate::descriptor::FileDescriptorProto;
use crate::groups::groups;
use micro_message::codec::{
    EnumDescriptor, FieldDescriptor, Kind, Label, MessageDescriptor, Types,
};
use micro_message::error::{Error, Result};
use micro_message::internal::full_name;

/// Builds the descriptor files of all collected types, dependencies first.
///
/// Well-known types such as `google.protobuf.Empty`, `Duration` and `Timestamp` are in their own
/// files.
///
/// # Errors
///
/// `InvalidArgument` when messages of different packages contain each other, which protobuf does
/// not support, or when the message of a method was never
/// [described](micro_message::codec::Message::describe).
pub fn files(types: &Types) -> Result<Vec<FileDescriptorProto>> {
    let uses = uses(types);
    if let Some((user, unknown)) = unknown(&uses) {
        return Err(Error::invalid_argument(format!(
            "`{user}` uses `{unknown}`, which was never described"
        )));
    }
    let place = place(types, &uses)?;
    let mut files = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (name, file) in &place {
        files.entry(file).or_default().insert(name);
    }
    let imports = imports(&uses, &place);
    // Every group is a single file, because files never import each other in a cycle. Dependencies
    // come first.
    Ok(groups(&imports)
        .concat()
        .into_iter()
        .map(|file| Writer::new(types, &place).file(file, &files[file], &imports[file]))
        .collect())
}

/// The names that each name uses, by full names. A nested message counts as its top-level message.
type Uses<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

fn uses(types: &Types) -> Uses<'_> {
    let mut found = Uses::new();
    for (name, message) in types.messages() {
        let needs = message
            .fields
            .iter()
            .filter_map(used)
            .map(|name| root(types, name));
        found.entry(root(types, name)).or_default().extend(needs);
    }
    for name in types.enums().keys() {
        found.entry(root(types, name)).or_default();
    }
    for (name, service) in types.services() {
        let needs = service
            .methods
            .iter()
            .flat_map(|method| [&method.input, &method.output]);
        found
            .entry(name)
            .or_default()
            .extend(needs.map(|name| root(types, name)));
    }
    found
}

fn used(field: &FieldDescriptor) -> Option<&str> {
    match &field.ty.kind {
        Kind::Message(name) | Kind::Enum(name) => Some(name),
        _ => None,
    }
}

/// The top-level message that contains a type, or the type itself.
fn root<'a>(types: &'a Types, name: &'a str) -> &'a str {
    let message = types.messages().get(name).map(|message| &message.name);
    let enumeration = types.enums().get(name).map(|descriptor| &descriptor.name);
    match message
        .or(enumeration)
        .and_then(|name| name.split_once('.'))
    {
        Some((_, inner)) => &name[..name.len() - inner.len() - 1],
        None => name,
    }
}

fn unknown<'a>(uses: &Uses<'a>) -> Option<(&'a str, &'a str)> {
    uses.iter().find_map(|(user, used)| {
        used.iter()
            .find(|used| !uses.contains_key(*used))
            .map(|unknown| (*user, *unknown))
    })
}

fn package<'a>(types: &'a Types, name: &str) -> &'a str {
    let message = types.messages().get(name).map(|message| &message.package);
    let enumeration = types
        .enums()
        .get(name)
        .map(|descriptor| &descriptor.package);
    let service = types.services().get(name).map(|service| &service.package);
    message
        .or(enumeration)
        .or(service)
        .map_or("", String::as_str)
}

/// The file of each top-level name.
fn place<'a>(types: &'a Types, uses: &Uses<'a>) -> Result<BTreeMap<&'a str, String>> {
    let mut packages = Uses::new();
    for (name, needs) in uses.iter().filter(|(name, _)| well_known(name).is_none()) {
        let needs = needs.iter().filter(|name| well_known(name).is_none());
        let needs = needs.map(|name| package(types, name));
        packages
            .entry(package(types, name))
            .or_default()
            .extend(needs);
    }
    let circles = groups(&packages)
        .into_iter()
        .filter(|group| group.len() > 1)
        .flatten();
    let circles: BTreeSet<&str> = circles.collect();
    let mut place = BTreeMap::new();
    for group in groups(uses) {
        let home = package(types, group[0]);
        if let Some(other) = group.iter().find(|name| package(types, name) != home) {
            return Err(Error::invalid_argument(format!(
                "`{}` and `{other}` contain each other, which protobuf allows within one \
                 package only; give both the same `package = \"…\"`",
                group[0]
            )));
        }
        for name in &group {
            let file = match well_known(name) {
                Some(file) => file.to_owned(),
                // A package never has the same name as a message, so these file names cannot
                // collide with those of packages.
                None if circles.contains(home) => format!("{}.proto", group[0]),
                None if home.is_empty() => "types.proto".to_owned(),
                None => format!("{home}.proto"),
            };
            place.insert(*name, file);
        }
    }
    Ok(place)
}

fn well_known(name: &str) -> Option<&'static str> {
    match name {
        "google.protobuf.Empty" => Some("google/protobuf/empty.proto"),
        "google.protobuf.Duration" => Some("google/protobuf/duration.proto"),
        "google.protobuf.Timestamp" => Some("google/protobuf/timestamp.proto"),
        "google.protobuf.Any" => Some("google/protobuf/any.proto"),
        "google.protobuf.FieldMask" => Some("google/protobuf/field_mask.proto"),
        "google.protobuf.Struct"
        | "google.protobuf.Value"
        | "google.protobuf.ListValue"
        | "google.protobuf.NullValue" => Some("google/protobuf/struct.proto"),
        "google.protobuf.DoubleValue"
        | "google.protobuf.FloatValue"
        | "google.protobuf.Int64Value"
        | "google.protobuf.UInt64Value"
        | "google.protobuf.Int32Value"
        | "google.protobuf.UInt32Value"
        | "google.protobuf.BoolValue"
        | "google.protobuf.StringValue"
        | "google.protobuf.BytesValue" => Some("google/protobuf/wrappers.proto"),
        _ => None,
    }
}

/// The files that each file imports.
fn imports<'a>(uses: &Uses<'a>, place: &'a BTreeMap<&'a str, String>) -> Uses<'a> {
    let mut imports = Uses::new();
    for (name, needs) in uses {
        let home = place[name].as_str();
        let needs = needs
            .iter()
            .map(|name| place[name].as_str())
            .filter(|file| *file != home);
        imports.entry(home).or_default().extend(needs);
    }
    imports
}

/// The name of the message for the entries of a map, as protoc derives it.
pub(super) fn entry_name(field: &str) -> String {
    let parts = field.split('_').map(|part| {
        let mut chars = part.chars();
        chars.next().map_or_else(String::new, |first| {
            first.to_uppercase().chain(chars).collect::<String>()
        })
    });
    parts.collect::<String>() + "Entry"
}

/// The key of a map field, which needs an entry message.
pub(super) fn map_key(field: &FieldDescriptor) -> Option<&Kind> {
    match &field.ty.label {
        Label::Map(key) => Some(key),
        _ => None,
    }
}

/// The enums directly in a message, by full name.
pub(super) fn nested_enums<'a>(
    types: &'a Types,
    outer: &'a MessageDescriptor,
) -> impl Iterator<Item = &'a EnumDescriptor> {
    let prefix = full_name(&outer.package, &outer.name) + ".";
    types
        .enums()
        .range(prefix.clone()..)
        .map_while(move |(name, descriptor)| Some((name.strip_prefix(&prefix)?, descriptor)))
        .filter(|(inner, descriptor)| descriptor.package == outer.package && !inner.contains('.'))
        .map(|(_, descriptor)| descriptor)
}

/// The messages directly in a message, by full name.
pub(super) fn nested<'a>(
    types: &'a Types,
    outer: &'a MessageDescriptor,
) -> impl Iterator<Item = &'a MessageDescriptor> {
    let prefix = full_name(&outer.package, &outer.name) + ".";
    types
        .messages()
        .range(prefix.clone()..)
        .map_while(move |(name, message)| Some((name.strip_prefix(&prefix)?, message)))
        .filter(|(inner, message)| message.package == outer.package && !inner.contains('.'))
        .map(|(_, message)| message)
}
