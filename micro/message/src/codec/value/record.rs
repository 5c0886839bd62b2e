//! Messages as fields, and the functions for whole messages that `#[micro::message]` calls.

use ::bytes::Bytes;

use serde::{Deserializer, Serialize, Serializer};

use crate::codec::field::Record;
use crate::codec::json::{Body, Input, record_from_serde};
use crate::codec::proto::{Bounds, DecodeError, Reader, Wire, put_nested};
use crate::error::{Error, Result};

/// Reads a nested message.
#[inline]
pub fn read_record<R: Record>(wire: Wire, reader: &mut Reader<'_>) -> Result<R, DecodeError> {
    if wire == Wire::Bytes {
        reader.nested(R::read)
    } else {
        Err(DecodeError::Wire)
    }
}

/// Reads a nested message and merges it into an earlier one.
///
/// In protobuf, two occurrences mean the same as their concatenated bytes, so this function
/// concatenates and decodes them. The copy is charged to the budget, so that the number of
/// occurrences cannot cause unbounded work.
#[inline]
pub fn merge_record<R: Record>(
    slot: &mut Option<R>,
    wire: Wire,
    reader: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    *slot = Some(match slot.take() {
        None => read_record(wire, reader)?,
        Some(earlier) => merge_again(earlier, wire, reader)?,
    });
    Ok(())
}

#[cold]
fn merge_again<R: Record>(
    earlier: R,
    wire: Wire,
    reader: &mut Reader<'_>,
) -> Result<R, DecodeError> {
    if wire != Wire::Bytes {
        return Err(DecodeError::Wire);
    }
    let later = reader.bytes()?;
    let mut bytes = Vec::new();
    earlier.write(&mut bytes);
    drop(earlier);
    reader.charge(bytes.len() + later.len())?;
    bytes.extend_from_slice(later);
    reader.elsewhere(&bytes, R::read)
}

/// Appends a nested message.
#[inline]
pub fn put_record<R: Record>(record: &R, tag: u32, out: &mut Vec<u8>) {
    put_nested(tag, out, |out| record.write(out));
}

/// The value of a nested message that was not sent: the result of decoding zero bytes.
pub fn absent_record<R: Record>(bounds: &mut Bounds) -> Result<R, DecodeError> {
    bounds.enter()?;
    let mut reader = Reader::bounded(&[], *bounds);
    let record = R::read(&mut reader);
    *bounds = reader.bounds();
    bounds.leave();
    record
}

/// Appends a whole message.
#[inline]
pub fn encode<R: Record>(record: &R, out: &mut Vec<u8>) {
    // An estimate that avoids most reallocations for small messages.
    out.reserve(size_of::<R>().max(128));
    record.write(out);
}

/// Reads a whole message.
pub fn decode<R: Record>(bytes: &Bytes, memory: usize) -> Result<R> {
    let mut reader = Reader::shared(bytes, memory);
    R::read(&mut reader).map_err(|fault| {
        let (name, place) = (R::full_name(), reader.into_path());
        Error::invalid_argument(if place.is_empty() {
            format!("cannot read `{name}`: {fault}")
        } else {
            format!("cannot read field `{place}` of `{name}`: {fault}")
        })
    })
}

/// Writes a message through serde.
pub fn serialize<R: Record, S: Serializer>(record: &R, serializer: S) -> Result<S::Ok, S::Error> {
    Body(record).serialize(serializer)
}

/// Reads a message through serde. Only the deserializer's own limits apply.
pub fn deserialize<'de, R: Record, D: Deserializer<'de>>(deserializer: D) -> Result<R, D::Error> {
    record_from_serde(deserializer, &Input::new(usize::MAX))
}

/// Appends a whole message as JSON.
pub fn encode_json<R: Record>(record: &R, out: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(out, &Body(record)).map_err(|error| {
        Error::internal(format!("cannot write `{}` as JSON", R::full_name())).with_source(error)
    })
}

/// Reads a whole message from JSON.
pub fn decode_json<R: Record>(bytes: &[u8], memory: usize) -> Result<R> {
    let input = Input::new(memory);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let result = record_from_serde::<R, _>(&mut deserializer, &input);
    let result = result.and_then(|record| deserializer.end().map(|()| record));
    result.map_err(|error| {
        let (name, place) = (R::full_name(), input.place());
        Error::invalid_argument(if place.is_empty() {
            format!("cannot read `{name}` from JSON: {error}")
        } else {
            format!("cannot read field `{place}` of `{name}` from JSON: {error}")
        })
    })
}
