//! Protobuf's well-known messages that have no type in the standard library.
//!
//! Each has the JSON form that protobuf gives it. `google.protobuf.Timestamp` is `SystemTime`,
//! `Duration` is `Duration` and `Empty` is `()`; a message around a value is an `Option` of that
//! value in a field marked `#[micro(as = "wrapper")]`, and one of the types here where a method
//! takes or returns it alone.
//!
//! # Examples
//!
//! ```
//! use micro::types::{Any, FieldMask, Value};
//!
//! #[micro::message]
//! struct UpdateItem {
//!     /// Which fields to change; in JSON `"name,price"`.
//!     fields: FieldMask,
//!     /// Anything that JSON can say.
//!     extra: Value,
//!     /// A message of any type.
//!     item: Option<Any>,
//! }
//!
//! #[micro::message(any)]
//! struct Item {
//!     name: String,
//! }
//!
//! let update = UpdateItem {
//!     fields: FieldMask { paths: vec!["name".into()] },
//!     extra: Value::Number(1.5),
//!     item: Some(Any::pack(&Item { name: "pen".into() })),
//! };
//! let item: Item = update.item.expect("it is set").unpack()?;
//! assert_eq!(item.name, "pen");
//! # Ok::<(), micro::Error>(())
//! ```

mod any;
mod mask;
mod null;
mod time;
mod value;
mod wrapper;

pub use self::any::Any;
#[cfg(feature = "linkme")]
#[doc(hidden)]
pub use self::any::LINKED_MESSAGES;
#[doc(hidden)]
pub use self::any::LinkedMessage;
pub use self::mask::FieldMask;
pub use self::null::NullValue;
pub use self::value::{ListValue, Struct, Value};
pub use self::wrapper::{
    BoolValue, BytesValue, DoubleValue, FloatValue, Int32Value, Int64Value, StringValue,
    UInt32Value, UInt64Value, Wrapped,
};
