//! `()`: `google.protobuf.Empty`, for requests and responses without content.

use ::bytes::Bytes;
use serde::de::MapAccess;
use serde::ser::SerializeMap;
use serde::{Deserializer, Serializer};

use crate::codec::field::{Element, Field, FieldName, Record};
use crate::codec::json::{Entries, Input, record_from_serde};
use crate::codec::message::Message;
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire};
use crate::codec::types::{FieldType, Kind, Types};
use crate::codec::value::record::{
    absent_record, decode, decode_json, encode_json, merge_record, put_record, read_record,
    serialize,
};
use crate::error::Result;

#[diagnostic::do_not_recommend]
impl Record for () {
    const NAMES: &'static [FieldName] = &[];

    fn full_name() -> String {
        "google.protobuf.Empty".to_owned()
    }

    fn describe(types: &mut Types) -> String {
        types.message::<Self>("google.protobuf", "Empty", |_, _| {})
    }

    fn write(&self, _: &mut Vec<u8>) {}

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        while let Some((tag, wire)) = reader.key()? {
            reader.skip(tag, wire)?;
        }
        Ok(())
    }

    fn to_map<M: SerializeMap>(&self, _: &mut M) -> Result<(), M::Error> {
        Ok(())
    }

    fn from_map<'de, A: MapAccess<'de>>(mut entries: Entries<'_, A>) -> Result<Self, A::Error> {
        while entries.next_field()?.is_some() {}
        Ok(())
    }
}

impl Field for () {
    fn ty(types: &mut Types) -> FieldType {
        FieldType::single(Self::kind(types))
    }

    fn absent(bounds: &mut Bounds) -> Result<Self, DecodeError> {
        absent_record(bounds)
    }

    fn put(&self, tag: u32, out: &mut Vec<u8>) {
        put_record(self, tag, out);
    }

    fn merge(
        slot: &mut Option<Self>,
        wire: Wire,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        merge_record(slot, wire, reader)
    }

    fn to_serde<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self, serializer)
    }

    fn from_serde<'de, D: Deserializer<'de>>(
        deserializer: D,
        input: &Input,
    ) -> Result<Self, D::Error> {
        record_from_serde(deserializer, input)
    }
}

impl Element for () {
    fn kind(types: &mut Types) -> Kind {
        Kind::Message(<Self as Record>::describe(types))
    }

    fn put_always(&self, tag: u32, out: &mut Vec<u8>) {
        put_record(self, tag, out);
    }

    fn read(wire: Wire, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_record(wire, reader)
    }
}

#[diagnostic::do_not_recommend]
impl Message for () {
    fn describe(types: &mut Types) -> String {
        <Self as Record>::describe(types)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.write(out);
    }

    fn decode(bytes: &Bytes, memory: usize) -> Result<Self> {
        decode(bytes, memory)
    }

    fn encode_json(&self, out: &mut Vec<u8>) -> Result<()> {
        encode_json(self, out)
    }

    fn decode_json(bytes: &[u8], memory: usize) -> Result<Self> {
        decode_json(bytes, memory)
    }

    fn name() -> String {
        Self::full_name()
    }
}
