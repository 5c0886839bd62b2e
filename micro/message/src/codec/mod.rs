//! Codecs: encode and decode values, protobuf and JSON from one definition.

pub(crate) mod encoding;
pub(crate) mod field;
pub(crate) mod json;
pub(crate) mod well_known;
mod message;
pub(crate) mod naming;
pub(crate) mod oneof;
mod field_path;
pub(crate) mod proto;
pub(crate) mod excerpt;
pub(crate) mod types;
pub(crate) mod value;

pub use self::message::{AnyMessage, Codec, Message, Topic};
pub use self::types::{
    Conflict, EnumDescriptor, FieldDescriptor, FieldType, Kind, Label, MessageDescriptor,
    MethodDescriptor, ServiceDescriptor, Types, ValueDescriptor,
};
