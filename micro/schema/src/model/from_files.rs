//! Converts descriptor files to the model.
//!
//! Only proto3 is supported, which has no groups, required fields, defaults and extensions.

use std::collections::BTreeMap;

use crate::descriptor::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, HttpRule,
    ServiceDescriptorProto,
};
use crate::model::known;
use crate::model::{
    Enum, Field, File, Http, Kind, Label, Message, Method, Schema, Service, Value, json_name,
};
use micro_message::error::{Error, Result};

const REPEATED: i32 = 3;
const MESSAGE: i32 = 11;
const ENUM: i32 = 14;
const NO_SIDE_EFFECTS: i32 = 1;
const IDEMPOTENT: i32 = 2;

impl Schema {
    /// Converts descriptor files. Google's own files, which `protoc --include_imports` adds, are
    /// skipped.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a file that is not proto3, or for an inconsistent descriptor.
    pub fn from_files(files: &[FileDescriptorProto]) -> Result<Self> {
        let theirs = files.iter().filter(|file| !known::is_own(file, files));
        let files = theirs.map(|file| {
            Reader::of(file)
                .file(file)
                .map_err(|error| error.context(format!("cannot convert `{}`", file.name)))
        });
        let mut schema = Self {
            files: files.collect::<Result<_>>()?,
        };
        schema.sort();
        Ok(schema)
    }
}

/// Converts one file.
struct Reader<'a> {
    /// Doc comments by their paths in the file.
    comments: BTreeMap<&'a [i32], &'a str>,
}

impl<'a> Reader<'a> {
    fn of(file: &'a FileDescriptorProto) -> Self {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let comments = locations
            .filter(|location| !location.leading_comments.is_empty())
            .map(|location| (&*location.path, &*location.leading_comments));
        Self {
            comments: comments.collect(),
        }
    }

    fn file(&self, file: &FileDescriptorProto) -> Result<File> {
        if file.syntax != "proto3" {
            let syntax = match &*file.syntax {
                "" => "proto2",
                other => other,
            };
            return Err(Error::invalid_argument(format!(
                "its syntax is `{}`; only proto3 is supported",
                syntax.escape_debug()
            )));
        }
        let enums = file.enum_type.iter().zip(0..);
        let services = file.service.iter().zip(0..);
        Ok(File {
            name: file.name.clone(),
            package: file.package.clone(),
            messages: self.messages(&file.message_type, &[4])?,
            enums: enums
                .map(|(one, at)| self.enumeration(one, &[5, at]))
                .collect(),
            services: services
                .map(|(one, at)| self.service(one, &[6, at]))
                .collect(),
            knows_required: false,
        })
    }

    fn messages(&self, list: &[DescriptorProto], path: &[i32]) -> Result<Vec<Message>> {
        let numbered = list
            .iter()
            .zip(0..)
            .filter(|(message, _)| !is_entry(message));
        numbered
            .map(|(message, at)| self.message(message, &[path, &[at]].concat()))
            .collect()
    }

    fn message(&self, message: &DescriptorProto, path: &[i32]) -> Result<Message> {
        let fields = message.field.iter().zip(0..).map(|(field, at)| {
            let doc = self.doc(&[path, &[2, at]].concat());
            self::field(message, field, doc)
                .map_err(|error| error.context(format!("`{}.{}`", message.name, field.name)))
        });
        let enums = message.enum_type.iter().zip(0..);
        let reserved = message.reserved_range.iter();
        Ok(Message {
            name: message.name.clone(),
            doc: self.doc(path),
            deprecated: message
                .options
                .as_ref()
                .is_some_and(|options| options.deprecated),
            choice: false,
            oneof_docs: self.oneof_docs(message, path),
            fields: fields.collect::<Result<_>>()?,
            reserved: reserved
                .map(|range| {
                    (
                        range.start.unwrap_or(0),
                        range.end.unwrap_or(1).saturating_sub(1),
                    )
                })
                .collect(),
            reserved_names: message.reserved_name.clone(),
            messages: self.messages(&message.nested_type, &[path, &[3]].concat())?,
            enums: enums
                .map(|(one, at)| self.enumeration(one, &[path, &[4, at]].concat()))
                .collect(),
        })
    }

    fn enumeration(&self, one: &EnumDescriptorProto, path: &[i32]) -> Enum {
        let values = one.value.iter().zip(0..).map(|(value, at)| Value {
            name: value.name.clone(),
            number: value.number.unwrap_or(0),
            doc: self.doc(&[path, &[2, at]].concat()),
            deprecated: value
                .options
                .as_ref()
                .is_some_and(|options| options.deprecated),
            placeholder: false,
        });
        let reserved = one.reserved_range.iter();
        Enum {
            name: one.name.clone(),
            doc: self.doc(path),
            deprecated: one
                .options
                .as_ref()
                .is_some_and(|options| options.deprecated),
            values: values.collect(),
            reserved: reserved
                .map(|range| (range.start.unwrap_or(0), range.end.unwrap_or(0)))
                .collect(),
            reserved_names: one.reserved_name.clone(),
            catch_all: false,
        }
    }

    fn service(&self, service: &ServiceDescriptorProto, path: &[i32]) -> Service {
        let methods = service.method.iter().zip(0..).map(|(method, at)| {
            let options = method.options.as_ref();
            let level = options.and_then(|options| options.idempotency_level);
            let rule = options.and_then(|options| options.http.as_ref());
            Method {
                http: rule.map(rules).unwrap_or_default(),
                streams_requests: method.client_streaming,
                streams_responses: method.server_streaming,
                idempotent: matches!(level, Some(NO_SIDE_EFFECTS | IDEMPOTENT)),
                safe: level == Some(NO_SIDE_EFFECTS),
                doc: self.doc(&[path, &[2, at]].concat()),
                deprecated: options.is_some_and(|options| options.deprecated),
                ..Method::new(
                    &method.name,
                    bare(&method.input_type),
                    bare(&method.output_type),
                )
            }
        });
        Service {
            name: service.name.clone(),
            doc: self.doc(path),
            deprecated: service
                .options
                .as_ref()
                .is_some_and(|options| options.deprecated),
            methods: methods.collect(),
        }
    }

    /// The doc comments of a message's oneofs.
    fn oneof_docs(&self, message: &DescriptorProto, path: &[i32]) -> BTreeMap<String, String> {
        let oneofs = message.oneof_decl.iter().zip(0..).map(|(oneof, at)| {
            let doc = self.doc(&[path, &[8, at]].concat());
            (oneof.name.clone(), doc)
        });
        oneofs.filter(|(_, doc)| !doc.is_empty()).collect()
    }

    /// The doc comment at a path, with its original lines.
    fn doc(&self, path: &[i32]) -> String {
        let lines = self
            .comments
            .get(path)
            .into_iter()
            .flat_map(|text| text.lines());
        let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
        lines
            .collect::<Vec<_>>()
            .join("\n")
            .trim_matches('\n')
            .to_owned()
    }
}

/// Converts a rule of `google.api.http` and its additional bindings.
fn rules(rule: &HttpRule) -> Vec<Http> {
    let custom = rule.custom.as_ref();
    let patterns = [
        ("GET", &rule.get),
        ("PUT", &rule.put),
        ("POST", &rule.post),
        ("DELETE", &rule.delete),
        ("PATCH", &rule.patch),
    ];
    let mut usual = patterns
        .iter()
        .filter_map(|(verb, path)| Some((*verb, path.as_deref()?)));
    let pattern = usual
        .next()
        .or(custom.map(|custom| (&*custom.kind, &*custom.path)));
    let first = pattern.map(|(verb, path)| Http {
        body: rule.body.clone(),
        response_body: rule.response_body.clone(),
        ..Http::new(verb, path)
    });
    let more = rule.additional_bindings.iter().flat_map(rules);
    first.into_iter().chain(more).collect()
}

fn is_entry(message: &DescriptorProto) -> bool {
    message
        .options
        .as_ref()
        .is_some_and(|options| options.map_entry)
}

fn bare(name: &str) -> String {
    name.strip_prefix('.').unwrap_or(name).to_owned()
}

fn field(message: &DescriptorProto, field: &FieldDescriptorProto, doc: String) -> Result<Field> {
    let oneof = field.oneof_index.filter(|_| !field.proto3_optional);
    let oneof = oneof.and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?));
    let (kind, label) = match (entry(message, field), field.label) {
        (Some(entry), _) => {
            let [key, value] = &*entry.field else {
                return Err(Error::invalid_argument("its entries have no key or value"));
            };
            (kind(value)?, Label::Map(kind(key)?))
        }
        (None, Some(REPEATED)) => (kind(field)?, Label::Repeated),
        (None, _) if field.proto3_optional && field.r#type != Some(MESSAGE) => {
            (kind(field)?, Label::Optional)
        }
        (None, _) => (kind(field)?, Label::Single),
    };
    let json = match &*field.json_name {
        "" => json_name(&field.name),
        name => name.to_owned(),
    };
    Ok(Field {
        tag: field.number.unwrap_or(0),
        name: field.name.clone(),
        json_name: json,
        kind,
        label,
        unpacked: field
            .options
            .as_ref()
            .is_some_and(|options| options.packed == Some(false)),
        oneof: oneof.map(|oneof| oneof.name.clone()),
        required: false,
        doc,
        deprecated: field
            .options
            .as_ref()
            .is_some_and(|options| options.deprecated),
    })
}

/// The message for the entries of a map.
fn entry<'a>(
    message: &'a DescriptorProto,
    field: &FieldDescriptorProto,
) -> Option<&'a DescriptorProto> {
    let (_, name) = field.type_name.rsplit_once('.')?;
    let mut nested = message.nested_type.iter();
    nested.find(|nested| field.r#type == Some(MESSAGE) && is_entry(nested) && nested.name == name)
}

fn kind(field: &FieldDescriptorProto) -> Result<Kind> {
    let number = field.r#type.unwrap_or(0);
    match number {
        MESSAGE => Ok(Kind::Message(bare(&field.type_name))),
        ENUM => Ok(Kind::Enum(bare(&field.type_name))),
        _ => Kind::from_number(number).ok_or_else(|| {
            Error::invalid_argument(format!("unsupported type {number} of `descriptor.proto`"))
        }),
    }
}
