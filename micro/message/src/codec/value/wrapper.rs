//! Values in the messages of `google/protobuf/wrappers.proto`: fields of type `Option<i32>` and the
//! like with `#[micro(as = "wrapper")]`.

use ::bytes::Bytes;

use crate::codec::encoding::{ElementAs, Wrapper};
use crate::codec::field::{Element, Field};
use crate::codec::proto::{DecodeError, Reader, Wire, put_nested};
use crate::codec::types::{FieldType, Kind, Types};

/// A type with a wrapper message.
pub(crate) trait Wrapped: Element + 'static {
    /// The full name of the wrapper message.
    fn full_name() -> String;

    /// Adds the wrapper's descriptor and returns its full name.
    fn describe(types: &mut Types) -> String;
}

/// The Rust type under which a wrapper's descriptor is registered: `Vec<u8>` and `Bytes` share one.
struct Owner<const WRAPPER: usize>;

/// Reads a wrapper message and merges it into an earlier value.
pub(crate) fn read<T: Wrapped>(
    slot: &mut Option<T>,
    reader: &mut Reader<'_>,
) -> Result<T, DecodeError> {
    let mut value = slot.take();
    while let Some((tag, wire)) = reader.key()? {
        match tag {
            1 => T::merge(&mut value, wire, reader)?,
            _ => reader.skip(tag, wire)?,
        }
    }
    match value {
        Some(value) => Ok(value),
        None => T::absent(reader.bounds_mut()),
    }
}

macro_rules! wrapped {
    ($($type:ty, $name:literal, $kind:ident, $owner:literal;)*) => { $(
        impl Wrapped for $type {
            fn full_name() -> String {
                concat!("google.protobuf.", $name).to_owned()
            }


            fn describe(types: &mut Types) -> String {
                types.message::<Owner<$owner>>("google.protobuf", $name, |message, _| {
                    message.field(1, ["value"; 2], FieldType::single(Kind::$kind));
                })
            }
        }

        impl ElementAs<Wrapper> for $type {
            fn kind_as(types: &mut Types) -> Kind {
                Kind::Message(<Self as Wrapped>::describe(types))
            }

            fn put_always_as(&self, tag: u32, out: &mut Vec<u8>) {
                put_nested(tag, out, |out| self.put(1, out));
            }

            fn merge_as(
                slot: &mut Option<Self>,
                wire: Wire,
                reader: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                if wire != Wire::Bytes {
                    return Err(DecodeError::Wire);
                }
                let value = reader.nested(|reader| read(slot, reader))?;
                *slot = Some(value);
                Ok(())
            }
        }
    )* };
}

wrapped! {
    f64, "DoubleValue", Double, 0;
    f32, "FloatValue", Float, 1;
    i64, "Int64Value", Int64, 2;
    u64, "UInt64Value", Uint64, 3;
    i32, "Int32Value", Int32, 4;
    u32, "UInt32Value", Uint32, 5;
    bool, "BoolValue", Bool, 6;
    String, "StringValue", String, 7;
    Vec<u8>, "BytesValue", Bytes, 8;
    Bytes, "BytesValue", Bytes, 8;
}
