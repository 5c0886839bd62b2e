//! Protobuf's well-known messages that have no type in the standard library.
//!
//! Each has the JSON form that protobuf gives it. `google.protobuf.Timestamp` is `SystemTime`,
//! `Duration` is `Duration` and `Empty` is `()`; a message around a value is an `Option` of that
//! value in a field marked `#[micro(as = "wrapper")]`, and one of the types here where a method
//! takes or returns it alone.

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
