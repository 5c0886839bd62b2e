//! Descriptors of messages, enums and services, and the collection that holds them.

mod collect;
mod descriptor;

pub use self::collect::{Conflict, Types, full_name};
pub use self::descriptor::{
    EnumDescriptor, FieldDescriptor, FieldType, Kind, Label, MessageDescriptor, MethodDescriptor,
    ServiceDescriptor, ValueDescriptor,
};
