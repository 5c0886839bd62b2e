//! `Box<T>` and `Arc<T>`: encoded like `T`. They allow a message to contain itself.

use std::sync::Arc;

use serde::{Deserializer, Serializer};

use crate::codec::field::{Element, Field};
use crate::codec::json::Input;
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire};
use crate::codec::types::{FieldType, Kind, Types};

macro_rules! boxed {
    ($pointer:ident, $overhead:expr, $unwrap:expr) => {
        impl<T: Element> Field for $pointer<T> {
            fn ty(types: &mut Types) -> FieldType {
                T::ty(types)
            }

            fn absent(bounds: &mut Bounds) -> Result<Self, DecodeError> {
                bounds.charge(size_of::<T>() + $overhead)?;
                T::absent(bounds).map(Self::new)
            }

            fn put(&self, tag: u32, out: &mut Vec<u8>) {
                T::put(self, tag, out);
            }

            fn merge(
                slot: &mut Option<Self>,
                wire: Wire,
                reader: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                let unwrap: fn(Self) -> Option<T> = $unwrap;
                let mut inner = match slot.take() {
                    Some(pointer) => unwrap(pointer),
                    None => None,
                };
                reader.charge(size_of::<T>() + $overhead)?;
                T::merge(&mut inner, wire, reader)?;
                *slot = inner.map(Self::new);
                Ok(())
            }

            fn null() -> Option<Self> {
                T::null().map(Self::new)
            }

            fn omit(&self) -> bool {
                T::omit(self)
            }

            fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                T::to_serde(self, serializer)
            }

            fn from_serde<'de, D: Deserializer<'de>>(
                deserializer: D,
                input: &Input,
            ) -> Result<Self, D::Error> {
                input.charge(size_of::<T>() + $overhead)?;
                T::from_serde(deserializer, input).map(Self::new)
            }

            fn ty_marked(types: &mut Types) -> FieldType {
                T::ty_marked(types)
            }

            fn put_marked(&self, tag: u32, out: &mut Vec<u8>) {
                T::put_marked(self, tag, out);
            }

            fn omit_marked(&self) -> bool {
                T::omit_marked(self)
            }
        }

        impl<T: Element> Element for $pointer<T> {
            fn kind(types: &mut Types) -> Kind {
                T::kind(types)
            }

            fn put_always(&self, tag: u32, out: &mut Vec<u8>) {
                T::put_always(self, tag, out);
            }

            fn read(wire: Wire, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                reader.charge(size_of::<T>() + $overhead)?;
                T::read(wire, reader).map(Self::new)
            }
        }
    };
}

boxed!(Box, 0, |pointer| Some(*pointer));
boxed!(Arc, 2 * size_of::<usize>(), Arc::into_inner);
