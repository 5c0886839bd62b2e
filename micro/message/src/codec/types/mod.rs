//! Descriptors of messages, enums and services, and the place where they are collected.

mod collect;
mod descriptor;

pub use self::collect::{Conflict, Types, full_name};
pub use self::descriptor::{
    EnumDescriptor, FieldDescriptor, FieldType, Kind, Label, MessageDescriptor, MethodDescriptor,
    ServiceDescriptor, ValueDescriptor,
};
