//! The schema of linked services and messages as a value. It can be written as `.proto` files,
//! `OpenAPI` and JSON Schema, and a check reports whether a new build is compatible with an old
//! one.
//!
//! [`Types`] collects descriptors while messages describe themselves. [`Schema`] is the result,
//! which can be written, read, shown and compared.
//!
//! # Examples
//!
//! ```
//! use micro::schema::Schema;
//!
//! mod v1 {
//!     #[micro::message(package = "shop")]
//!     pub struct Item {
//!         pub name: String,
//!         pub price: u32,
//!     }
//! }
//!
//! mod v2 {
//!     #[micro::message(package = "shop")]
//!     pub struct Item {
//!         pub name: String,
//!         /// It was a number.
//!         pub price: String,
//!     }
//! }
//!
//! let old = Schema::default().with::<v1::Item>()?;
//! let new = Schema::default().with::<v2::Item>()?;
//! let report = Schema::check(&old, &new);
//! assert!(!report.is_compatible());
//! println!("{report}");
//! # Ok::<(), micro::Error>(())
//! ```

#![forbid(unsafe_code)]

// The expansion of `#[message(crate = crate)]` names it.
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
pub use self::linked::{Described, check_names, collect_types};
pub use self::model::Schema;
pub use micro_message::codec::{
    Conflict, EnumDescriptor, FieldDescriptor, FieldType, Kind, Label, MessageDescriptor,
    MethodDescriptor, ServiceDescriptor, Types, ValueDescriptor,
};
