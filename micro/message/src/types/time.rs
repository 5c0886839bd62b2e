//! `SystemTime` and `Duration` as whole messages, for methods that take or return one directly.

use std::time::{Duration, SystemTime};

use serde::{Deserializer, Serializer};

use crate::codec::field::Field;
use crate::codec::json::Input;
use crate::codec::proto::{DecodeError, Reader};
use crate::codec::types::{Kind, Types};
use crate::codec::value::{duration_body, time_body};
use crate::codec::well_known::{WellKnown, known};

macro_rules! time {
    ($type:ty, $name:literal, $body:ident) => {
        impl WellKnown for $type {
            fn full_name() -> String {
                concat!("google.protobuf.", $name).to_owned()
            }

            fn describe(types: &mut Types) -> String {
                match <Self as Field>::ty(types).kind {
                    Kind::Message(name) => name,
                    _ => Self::full_name(),
                }
            }

            fn write(&self, out: &mut Vec<u8>) {
                $body::write(self, out);
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                $body::read(reader)
            }

            fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Field::to_serde(self, serializer)
            }

            fn from_serde<'de, D: Deserializer<'de>>(
                deserializer: D,
                input: &Input,
            ) -> Result<Self, D::Error> {
                Field::from_serde(deserializer, input)
            }
        }

        known!(message $type);
    };
}

time!(Duration, "Duration", duration_body);
time!(SystemTime, "Timestamp", time_body);
