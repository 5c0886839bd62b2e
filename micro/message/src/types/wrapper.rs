//! The messages of `google/protobuf/wrappers.proto`, for methods that take or return one directly.

use serde::{Deserializer, Serializer};

use crate::codec::json::Input;
use crate::codec::proto::{DecodeError, Reader};
use crate::codec::types::Types;
use crate::codec::value::{Wrapped as Inner, read_wrapped};
use crate::codec::well_known::{WellKnown, known};

/// A wrapper message around a value. Its JSON form is the value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Wrapped<T>(
    /// The value.
    pub T,
);

impl<T> From<T> for Wrapped<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Inner + Send + Sync> WellKnown for Wrapped<T> {
    fn full_name() -> String {
        <T as Inner>::full_name()
    }

    fn describe(types: &mut Types) -> String {
        <T as Inner>::describe(types)
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.put(1, out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_wrapped(&mut None, reader).map(Self)
    }

    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_serde(serializer)
    }

    fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Self, D::Error> {
        T::from_serde(deserializer, input).map(Self)
    }
}

macro_rules! wrappers {
    ($($name:ident, $type:ty;)*) => { $(
        #[doc = concat!("`google.protobuf.", stringify!($name), "`.")]
        pub type $name = Wrapped<$type>;

        known!($name);
    )* };
}

wrappers! {
    DoubleValue, f64;
    FloatValue, f32;
    Int64Value, i64;
    UInt64Value, u64;
    Int32Value, i32;
    UInt32Value, u32;
    BoolValue, bool;
    StringValue, String;
    BytesValue, Vec<u8>;
}
