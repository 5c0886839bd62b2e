//! Converts the types of one file into `descriptor.proto` messages.

use std::collections::{BTreeMap, BTreeSet};

use crate::descriptor::{
    DescriptorProto, EnumDescriptorProto, EnumOptions, EnumReservedRange, EnumValueDescriptorProto,
    EnumValueOptions, FieldDescriptorProto, FieldOptions, FileDescriptorProto, Location,
    MessageOptions, MethodDescriptorProto, MethodOptions, OneofDescriptorProto, ReservedRange,
    ServiceDescriptorProto, ServiceOptions, SourceCodeInfo,
};
use crate::files::{entry_name, map_key, nested, nested_enums};
use micro_message::codec::{
    EnumDescriptor, FieldDescriptor, FieldType, Kind, Label, MessageDescriptor, ServiceDescriptor,
    Types,
};
use micro_message::internal::full_name;

const OPTIONAL: i32 = 1;
const REPEATED: i32 = 3;
const NO_SIDE_EFFECTS: i32 = 1;
const IDEMPOTENT: i32 = 2;

/// Parts of the paths that locate definitions for comments: field numbers of `FileDescriptorProto`,
/// `DescriptorProto`, `EnumDescriptorProto` and `ServiceDescriptorProto`.
const MESSAGES: i32 = 4;
const ENUMS: i32 = 5;
const SERVICES: i32 = 6;
const FIELDS: i32 = 2;
const NESTED: i32 = 3;
const NESTED_ENUMS: i32 = 4;
const ONEOFS: i32 = 8;
const VALUES: i32 = 2;
const METHODS: i32 = 2;

/// Writes one descriptor file.
pub(super) struct Writer<'a> {
    types: &'a Types,
    place: &'a BTreeMap<&'a str, String>,
    comments: Vec<Location>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(types: &'a Types, place: &'a BTreeMap<&'a str, String>) -> Self {
        Self {
            types,
            place,
            comments: Vec::new(),
        }
    }

    /// Builds the file with these top-level names.
    pub(super) fn file(
        mut self,
        file: &str,
        names: &BTreeSet<&str>,
        imports: &BTreeSet<&str>,
    ) -> FileDescriptorProto {
        let mut proto = FileDescriptorProto {
            name: file.to_owned(),
            dependency: imports.iter().map(|&file| file.to_owned()).collect(),
            syntax: "proto3".to_owned(),
            ..FileDescriptorProto::default()
        };
        debug_assert!(names.iter().all(|name| self.place[name] == file));
        for name in names {
            if let Some(message) = self.types.messages().get(*name) {
                proto.package.clone_from(&message.package);
                let path = vec![MESSAGES, index(&proto.message_type)];
                proto.message_type.push(self.message(message, &path));
            } else if let Some(descriptor) = self.types.enums().get(*name) {
                proto.package.clone_from(&descriptor.package);
                let path = vec![ENUMS, index(&proto.enum_type)];
                proto.enum_type.push(self.enumeration(descriptor, &path));
            } else if let Some(service) = self.types.services().get(*name) {
                proto.package.clone_from(&service.package);
                let path = vec![SERVICES, index(&proto.service)];
                proto.service.push(self.service(service, &path));
            }
        }
        if !self.comments.is_empty() {
            proto.source_code_info = Some(SourceCodeInfo {
                location: self.comments,
            });
        }
        proto
    }

    fn message(&mut self, message: &MessageDescriptor, path: &[i32]) -> DescriptorProto {
        self.comment(path, &message.doc);
        let mut proto = DescriptorProto {
            name: last(&message.name).to_owned(),
            ..DescriptorProto::default()
        };
        if message.deprecated {
            proto.options = Some(MessageOptions {
                deprecated: true,
                map_entry: false,
            });
        }
        proto.reserved_range = message
            .reserved
            .iter()
            .map(|tags| ReservedRange {
                start: Some(tags.start().cast_signed()),
                end: Some(tags.end().cast_signed() + 1),
            })
            .collect();
        proto.reserved_name.clone_from(&message.reserved_names);
        if message.choice {
            proto.oneof_decl.push(OneofDescriptorProto {
                name: free_name(message, "kind"),
            });
        }
        // The synthetic oneofs of `optional` fields come after these.
        for oneof in message
            .fields
            .iter()
            .filter_map(|field| field.oneof.as_ref())
        {
            if proto
                .oneof_decl
                .last()
                .is_none_or(|last| last.name != *oneof)
            {
                if let Some(doc) = message.oneof_docs.get(oneof) {
                    self.comment(&[path, &[ONEOFS, index(&proto.oneof_decl)]].concat(), doc);
                }
                let name = oneof.clone();
                proto.oneof_decl.push(OneofDescriptorProto { name });
            }
        }
        for field in &message.fields {
            self.comment(&[path, &[FIELDS, index(&proto.field)]].concat(), &field.doc);
            let field = Self::field(message, field, &mut proto);
            proto.field.push(field);
        }
        for inner in nested(self.types, message) {
            let path = [path, &[NESTED, index(&proto.nested_type)]].concat();
            let inner = self.message(inner, &path);
            proto.nested_type.push(inner);
        }
        for inner in nested_enums(self.types, message) {
            let path = [path, &[NESTED_ENUMS, index(&proto.enum_type)]].concat();
            let inner = self.enumeration(inner, &path);
            proto.enum_type.push(inner);
        }
        proto
    }

    fn field(
        message: &MessageDescriptor,
        field: &FieldDescriptor,
        proto: &mut DescriptorProto,
    ) -> FieldDescriptorProto {
        let mut made = plain(&field.name, field.tag.cast_signed(), &field.ty.kind);
        made.json_name.clone_from(&field.json_name);
        if field.deprecated || field.ty.unpacked {
            made.options = Some(FieldOptions {
                packed: field.ty.unpacked.then_some(false),
                deprecated: field.deprecated,
            });
        }
        if let Some(key) = map_key(field) {
            let entry = entry_name(&field.name);
            let full = full_name(&message.package, &message.name);
            made.type_name = format!(".{full}.{entry}");
            made.r#type = Some(11);
            proto.nested_type.push(DescriptorProto {
                name: entry,
                field: vec![plain("key", 1, key), plain("value", 2, &field.ty.kind)],
                options: Some(MessageOptions {
                    deprecated: false,
                    map_entry: true,
                }),
                ..DescriptorProto::default()
            });
        }
        match &field.ty {
            FieldType {
                label: Label::Repeated | Label::Map(_),
                ..
            } => made.label = Some(REPEATED),
            _ if message.choice => made.oneof_index = Some(0),
            _ if field.oneof.is_some() => {
                let oneofs = proto.oneof_decl.iter().zip(0..);
                let mut own = oneofs.filter(|(decl, _)| Some(&decl.name) == field.oneof.as_ref());
                made.oneof_index = own.next().map(|(_, at)| at);
            }
            FieldType {
                label: Label::Optional,
                kind,
                ..
            } if !matches!(kind, Kind::Message(_)) => {
                made.proto3_optional = true;
                made.oneof_index = Some(index(&proto.oneof_decl));
                let name = free_name(message, &format!("_{}", field.name));
                proto.oneof_decl.push(OneofDescriptorProto { name });
            }
            _ => {}
        }
        made
    }

    fn enumeration(&mut self, descriptor: &EnumDescriptor, path: &[i32]) -> EnumDescriptorProto {
        self.comment(path, &descriptor.doc);
        for (value, at) in descriptor.values.iter().zip(0..) {
            self.comment(&[path, &[VALUES, at]].concat(), &value.doc);
        }
        let values = descriptor
            .values
            .iter()
            .map(|value| EnumValueDescriptorProto {
                name: value.name.clone(),
                number: Some(value.number),
                options: value
                    .deprecated
                    .then_some(EnumValueOptions { deprecated: true }),
            });
        let reserved = descriptor.reserved.iter().map(|numbers| EnumReservedRange {
            start: Some(*numbers.start()),
            end: Some(*numbers.end()),
        });
        let (allow_alias, deprecated) = (has_aliases(descriptor), descriptor.deprecated);
        EnumDescriptorProto {
            name: last(&descriptor.name).to_owned(),
            value: values.collect(),
            options: (allow_alias || deprecated).then_some(EnumOptions {
                allow_alias,
                deprecated,
            }),
            reserved_range: reserved.collect(),
            reserved_name: descriptor.reserved_names.clone(),
        }
    }

    fn service(&mut self, service: &ServiceDescriptor, path: &[i32]) -> ServiceDescriptorProto {
        self.comment(path, &service.doc);
        for (method, at) in service.methods.iter().zip(0..) {
            self.comment(&[path, &[METHODS, at]].concat(), &method.doc);
        }
        let methods = service.methods.iter().map(|method| MethodDescriptorProto {
            name: method.name.clone(),
            input_type: format!(".{}", method.input),
            output_type: format!(".{}", method.output),
            options: (method.idempotent || method.deprecated).then_some(MethodOptions {
                deprecated: method.deprecated,
                idempotency_level: match (method.safe, method.idempotent) {
                    (true, _) => Some(NO_SIDE_EFFECTS),
                    (false, true) => Some(IDEMPOTENT),
                    (false, false) => None,
                },
                // The option would need an import of its own, and few readers of descriptors use
                // it.
                http: None,
            }),
            client_streaming: method.client_streaming,
            server_streaming: method.server_streaming,
        });
        ServiceDescriptorProto {
            name: service.name.clone(),
            method: methods.collect(),
            options: service
                .deprecated
                .then_some(ServiceOptions { deprecated: true }),
        }
    }

    /// Records a doc comment, in the form in which protoc stores `//` comments.
    fn comment(&mut self, path: &[i32], doc: &str) {
        if doc.is_empty() {
            return;
        }
        let lines = doc.lines().map(|line| format!(" {line}\n"));
        self.comments.push(Location {
            path: path.to_vec(),
            span: vec![0, 0, 0],
            leading_comments: lines.collect(),
        });
    }
}

/// The last part of a name within a package.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn has_aliases(descriptor: &EnumDescriptor) -> bool {
    let mut numbers = BTreeSet::new();
    let mut values = descriptor.values.iter();
    values.any(|value| !numbers.insert(value.number))
}

fn index<T>(list: &[T]) -> i32 {
    i32::try_from(list.len()).expect("a file has fewer definitions than 2^31")
}

/// A name for a oneof that does not collide with a field's name.
fn free_name(message: &MessageDescriptor, wanted: &str) -> String {
    let mut name = wanted.to_owned();
    while message.fields.iter().any(|field| field.name == name) {
        name.insert(0, 'X');
    }
    name
}

fn plain(name: &str, number: i32, kind: &Kind) -> FieldDescriptorProto {
    let (number_of_type, type_name) = match kind {
        Kind::Double => (1, None),
        Kind::Float => (2, None),
        Kind::Int64 => (3, None),
        Kind::Uint64 => (4, None),
        Kind::Int32 => (5, None),
        Kind::Bool => (8, None),
        Kind::String => (9, None),
        Kind::Message(name) => (11, Some(name)),
        Kind::Bytes => (12, None),
        Kind::Uint32 => (13, None),
        Kind::Enum(name) => (14, Some(name)),
        Kind::Fixed64 => (6, None),
        Kind::Fixed32 => (7, None),
        Kind::Sfixed32 => (15, None),
        Kind::Sfixed64 => (16, None),
        Kind::Sint32 => (17, None),
        Kind::Sint64 => (18, None),
    };
    FieldDescriptorProto {
        name: name.to_owned(),
        number: Some(number),
        label: Some(OPTIONAL),
        r#type: Some(number_of_type),
        type_name: type_name.map(|name| format!(".{name}")).unwrap_or_default(),
        json_name: name.to_owned(),
        ..FieldDescriptorProto::default()
    }
}
