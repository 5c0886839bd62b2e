//! Schema: what is spoken, as a value; from what is linked to `.proto`, `OpenAPI` and JSON Schema,
//! and a check that a new build still understands an old one.
//!
//! [`Types`] collects descriptors while messages describe themselves; [`Schema`] is the finished
//! picture that can be written, read, shown and compared.

#![forbid(unsafe_code)]

// What the expansion of `#[message(crate = crate)]` names.
use micro_message::__private;

mod convert;
pub mod check;
pub mod descriptor;
mod files;
mod groups;
pub mod http;
mod json_schema;
mod linked;
pub mod model;
mod openapi;
mod proto;
mod text;

pub use self::check::Report;
pub use self::files::files;
#[doc(hidden)]
pub use self::linked::{Described, collect_types};
pub use self::model::Schema;
pub use micro_message::codec::{
    Conflict, EnumDescriptor, FieldDescriptor, FieldType, Kind, Label, MessageDescriptor,
    MethodDescriptor, ServiceDescriptor, Types, ValueDescriptor,
};
