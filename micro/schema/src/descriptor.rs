//! The messages of `google/protobuf/descriptor.proto`, as far as micro writes them.
//!
//! Field numbers and names are protobuf's. A field that is optional in protobuf and has a
//! meaningful zero is an `Option` here, because readers distinguish absent from zero. The option
//! `crate = crate` keeps these types out of the candidates that rustc lists when a type is not a
//! message.

#![allow(
    missing_docs,
    reason = "the fields are documented in descriptor.proto itself"
)]

use micro_message::message;

/// Several files, in an order that puts dependencies first.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileDescriptorSet {
    pub file: Vec<FileDescriptorProto>,
}

/// Several files that stay encoded, so that no field of them is lost. On the wire it is a
/// [`FileDescriptorSet`].
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EncodedFileSet {
    pub file: Vec<bytes::Bytes>,
}

/// One `.proto` file.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileDescriptorProto {
    #[micro(tag = 1)]
    pub name: String,
    #[micro(tag = 2)]
    pub package: String,
    #[micro(tag = 3)]
    pub dependency: Vec<String>,
    #[micro(tag = 4)]
    pub message_type: Vec<DescriptorProto>,
    #[micro(tag = 5)]
    pub enum_type: Vec<EnumDescriptorProto>,
    #[micro(tag = 6)]
    pub service: Vec<ServiceDescriptorProto>,
    #[micro(tag = 9)]
    pub source_code_info: Option<SourceCodeInfo>,
    #[micro(tag = 12)]
    pub syntax: String,
}

/// A message.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DescriptorProto {
    #[micro(tag = 1)]
    pub name: String,
    #[micro(tag = 2)]
    pub field: Vec<FieldDescriptorProto>,
    #[micro(tag = 3)]
    pub nested_type: Vec<DescriptorProto>,
    #[micro(tag = 4)]
    pub enum_type: Vec<EnumDescriptorProto>,
    #[micro(tag = 7)]
    pub options: Option<MessageOptions>,
    #[micro(tag = 8)]
    pub oneof_decl: Vec<OneofDescriptorProto>,
    #[micro(tag = 9)]
    pub reserved_range: Vec<ReservedRange>,
    #[micro(tag = 10)]
    pub reserved_name: Vec<String>,
}

/// Field numbers from `start` (inclusive) to `end` (exclusive).
#[message(package = "google.protobuf", name = "DescriptorProto_ReservedRange", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReservedRange {
    pub start: Option<i32>,
    pub end: Option<i32>,
}

/// A field.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldDescriptorProto {
    #[micro(tag = 1)]
    pub name: String,
    #[micro(tag = 3)]
    pub number: Option<i32>,
    #[micro(tag = 4)]
    pub label: Option<i32>,
    #[micro(tag = 5)]
    pub r#type: Option<i32>,
    #[micro(tag = 6)]
    pub type_name: String,
    #[micro(tag = 8)]
    pub options: Option<FieldOptions>,
    #[micro(tag = 9)]
    pub oneof_index: Option<i32>,
    #[micro(tag = 10)]
    pub json_name: String,
    #[micro(tag = 17)]
    pub proto3_optional: bool,
}

/// A oneof.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OneofDescriptorProto {
    pub name: String,
}

/// An enum.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EnumDescriptorProto {
    pub name: String,
    pub value: Vec<EnumValueDescriptorProto>,
    pub options: Option<EnumOptions>,
    pub reserved_range: Vec<EnumReservedRange>,
    pub reserved_name: Vec<String>,
}

/// Numbers from `start` to `end`, both inclusive.
#[message(
    package = "google.protobuf",
    name = "EnumDescriptorProto_EnumReservedRange",
    crate = crate
)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EnumReservedRange {
    pub start: Option<i32>,
    pub end: Option<i32>,
}

/// One value of an enum.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EnumValueDescriptorProto {
    pub name: String,
    pub number: Option<i32>,
    pub options: Option<EnumValueOptions>,
}

/// A service.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceDescriptorProto {
    pub name: String,
    pub method: Vec<MethodDescriptorProto>,
    pub options: Option<ServiceOptions>,
}

/// A method.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MethodDescriptorProto {
    pub name: String,
    pub input_type: String,
    pub output_type: String,
    pub options: Option<MethodOptions>,
    pub client_streaming: bool,
    pub server_streaming: bool,
}

/// Options of a message.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MessageOptions {
    #[micro(tag = 3)]
    pub deprecated: bool,
    #[micro(tag = 7)]
    pub map_entry: bool,
}

/// Options of a field.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldOptions {
    #[micro(tag = 2)]
    pub packed: Option<bool>,
    #[micro(tag = 3)]
    pub deprecated: bool,
}

/// Options of an enum.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EnumOptions {
    #[micro(tag = 2)]
    pub allow_alias: bool,
    #[micro(tag = 3)]
    pub deprecated: bool,
}

/// Options of an enum value.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EnumValueOptions {
    #[micro(tag = 1)]
    pub deprecated: bool,
}

/// Options of a service.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceOptions {
    #[micro(tag = 33)]
    pub deprecated: bool,
}

/// Options of a method.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MethodOptions {
    #[micro(tag = 33)]
    pub deprecated: bool,
    #[micro(tag = 34)]
    pub idempotency_level: Option<i32>,
    /// The extension `google.api.http`, which needs an import of `google/api/annotations.proto`.
    #[micro(tag = 72_295_728)]
    pub http: Option<HttpRule>,
}

/// The comments of a file.
#[message(package = "google.protobuf", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceCodeInfo {
    pub location: Vec<Location>,
}

/// The comment of one definition.
#[message(package = "google.protobuf", name = "SourceCodeInfo_Location", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Location {
    pub path: Vec<i32>,
    pub span: Vec<i32>,
    pub leading_comments: String,
}

/// A plain HTTP rule of a method, with its additional bindings.
#[message(package = "google.api", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HttpRule {
    #[micro(tag = 2)]
    pub get: Option<String>,
    #[micro(tag = 3)]
    pub put: Option<String>,
    #[micro(tag = 4)]
    pub post: Option<String>,
    #[micro(tag = 5)]
    pub delete: Option<String>,
    #[micro(tag = 6)]
    pub patch: Option<String>,
    #[micro(tag = 7)]
    pub body: String,
    #[micro(tag = 8)]
    pub custom: Option<CustomHttpPattern>,
    #[micro(tag = 11)]
    pub additional_bindings: Vec<HttpRule>,
    #[micro(tag = 12)]
    pub response_body: String,
}

/// An HTTP method without a field in [`HttpRule`].
#[message(package = "google.api", crate = crate)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CustomHttpPattern {
    pub kind: String,
    pub path: String,
}
