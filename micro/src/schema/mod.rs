//! Schema: descriptors of messages and services, collected from what is linked.

mod convert;
pub mod descriptor;
mod files;
mod groups;
pub mod http;

pub use crate::codec::{
    Conflict, EnumDescriptor, FieldDescriptor, FieldType, Kind, Label, MessageDescriptor,
    MethodDescriptor, ServiceDescriptor, Types, ValueDescriptor,
};
