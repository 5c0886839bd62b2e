//! Converts the messages of a schema to the descriptors with which the server reads requests, so
//! that a description matches the server's behavior.

use crate::model::{Field, Kind, Label, Schema};
use micro_message::codec::{
    FieldDescriptor, FieldType, Kind as Had, Label as Many, MessageDescriptor, Types,
};

/// Converts the messages of a schema. Enums are not needed: fields refer to them by name only.
pub(super) fn types(schema: &Schema) -> Types {
    let mut types = Types::default();
    for (name, message) in schema.messages() {
        let message = MessageDescriptor {
            fields: message.fields.iter().map(field).collect(),
            ..MessageDescriptor::default()
        };
        types.insert(name, message);
    }
    types
}

fn field(field: &Field) -> FieldDescriptor {
    FieldDescriptor {
        name: field.name.clone(),
        json_name: field.json_name.clone(),
        tag: field.tag.cast_unsigned(),
        ty: FieldType {
            kind: kind(&field.kind),
            label: label(&field.label),
            unpacked: field.unpacked,
        },
        oneof: field.oneof.clone(),
        required: field.required,
        doc: field.doc.clone(),
        deprecated: field.deprecated,
    }
}

fn label(label: &Label) -> Many {
    match label {
        Label::Single => Many::Single,
        Label::Optional => Many::Optional,
        Label::Repeated => Many::Repeated,
        Label::Map(key) => Many::Map(kind(key)),
    }
}

fn kind(kind: &Kind) -> Had {
    match kind {
        Kind::Double => Had::Double,
        Kind::Float => Had::Float,
        Kind::Int64 => Had::Int64,
        Kind::Uint64 => Had::Uint64,
        Kind::Int32 => Had::Int32,
        Kind::Fixed64 => Had::Fixed64,
        Kind::Fixed32 => Had::Fixed32,
        Kind::Bool => Had::Bool,
        Kind::String => Had::String,
        Kind::Bytes => Had::Bytes,
        Kind::Uint32 => Had::Uint32,
        Kind::Sfixed32 => Had::Sfixed32,
        Kind::Sfixed64 => Had::Sfixed64,
        Kind::Sint32 => Had::Sint32,
        Kind::Sint64 => Had::Sint64,
        Kind::Message(name) => Had::Message(name.clone()),
        Kind::Enum(name) => Had::Enum(name.clone()),
    }
}
