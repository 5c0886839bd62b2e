//! Schema: what is spoken, as a value; from what is linked to `.proto`, `OpenAPI` and JSON Schema,
//! and a check that a new build still understands an old one.
//!
//! [`Types`] collects descriptors while messages describe themselves; [`Schema`] is the finished
//! picture that can be written, read, shown and compared.

mod convert;
pub mod check;
pub mod descriptor;
mod files;
mod groups;
pub mod http;
mod json_schema;
pub mod model;
mod openapi;
mod proto;
mod text;

pub use self::check::Report;
pub use self::model::Schema;
pub use crate::codec::{
    Conflict, EnumDescriptor, FieldDescriptor, FieldType, Kind, Label, MessageDescriptor,
    MethodDescriptor, ServiceDescriptor, Types, ValueDescriptor,
};
