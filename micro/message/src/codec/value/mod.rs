//! Implementations for the types of fields: numbers, text, bytes, lists, maps, messages, times.

mod boxed;
mod empty;
mod encoded;
mod enumeration;
mod list;
mod map;
mod option;
mod record;
mod scalar;
mod text;
mod time;
mod wrapper;
#[cfg(feature = "uuid")]
mod uuid;

pub use self::enumeration::{
    Enumeration, ValueName, absent_enum, enum_from_serde, enum_to_serde, merge_enums, put_enum,
    put_enums, read_enum,
};
pub(crate) use self::list::{list_from_serde, list_to_serde};
pub use self::record::{
    absent_record, decode, decode_json, deserialize, encode, encode_json, merge_record, put_record,
    read_record, serialize,
};
pub(crate) use self::time::{duration_body, time_body};
pub(crate) use self::wrapper::{Wrapped, read as read_wrapped};
