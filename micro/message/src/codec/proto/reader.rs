//! `Reader`: a cursor over protobuf bytes that is safe against malicious input.
//!
//! It never panics, never recurses beyond its [`Bounds`], and charges every allocation that input
//! can cause before it is made.

use bytes::Bytes;

use crate::codec::field::{Field, FieldName};
use crate::codec::field_path::FieldPath;
use crate::codec::proto::bounds::Bounds;
use crate::codec::proto::decode_error::DecodeError;
use crate::codec::proto::wire::Wire;

const MAX_TAG: u64 = (1 << 29) - 1;

/// A cursor over the bytes of one message.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The unread bytes of the current message.
    rest: &'a [u8],
    /// The buffer that contains `rest`, if it can be shared.
    owner: Option<&'a Bytes>,
    /// The memory and the nesting levels that may still be used.
    bounds: Bounds,
    /// The place of a fault. Empty as long as there is none.
    place: FieldPath,
}

impl<'a> Reader<'a> {
    /// Creates a reader of `bytes` that allocates at most `memory` bytes.
    pub fn new(bytes: &'a [u8], memory: usize) -> Self {
        Self::bounded(bytes, Bounds::new(memory))
    }

    /// Creates a reader of `bytes` with these bounds.
    pub(crate) fn bounded(bytes: &'a [u8], bounds: Bounds) -> Self {
        Self {
            rest: bytes,
            owner: None,
            bounds,
            place: FieldPath::default(),
        }
    }

    /// Creates a reader whose fields of type `Bytes` share the memory of `bytes`.
    pub fn shared(bytes: &'a Bytes, memory: usize) -> Self {
        Self {
            owner: Some(bytes),
            ..Self::new(bytes, memory)
        }
    }

    /// Reads the next field's number and wire type. `None` at the end of the message.
    #[inline]
    pub fn key(&mut self) -> Result<Option<(u32, Wire)>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let wire = match key & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Bytes,
            3 => Wire::Start,
            4 => Wire::End,
            5 => Wire::Fixed32,
            _ => return Err(DecodeError::Wire),
        };
        let tag = key >> 3;
        if tag == 0 || tag > MAX_TAG {
            return Err(DecodeError::Tag);
        }
        u32::try_from(tag)
            .map(|tag| Some((tag, wire)))
            .map_err(|_| DecodeError::Tag)
    }

    /// Reads a varint.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                // The tenth byte contains the 64th bit alone.
                if index == 9 && byte > 1 {
                    return Err(DecodeError::Varint);
                }
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 {
            DecodeError::Truncated
        } else {
            DecodeError::Varint
        })
    }

    /// Reads `N` bytes.
    #[inline]
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Reads a length and that many bytes.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = usize::try_from(self.varint()?).map_err(|_| DecodeError::Truncated)?;
        let (bytes, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Reads a length and that many bytes of UTF-8.
    #[inline]
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError::Utf8)
    }

    /// Converts `bytes`, which must come from this reader, to `Bytes`. They share the input's
    /// memory if possible.
    pub(crate) fn share(&mut self, bytes: &[u8]) -> Result<Bytes, DecodeError> {
        if let Some(owner) = self.owner {
            return Ok(owner.slice_ref(bytes));
        }
        self.charge(bytes.len())?;
        Ok(Bytes::copy_from_slice(bytes))
    }

    /// Charges `bytes` to the budget, before they are allocated.
    #[inline]
    pub fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.bounds.charge(bytes)
    }

    /// Reserves capacity for `more` items in a list, charged to the budget.
    #[inline]
    pub fn grow<T>(&mut self, list: &mut Vec<T>, more: usize) -> Result<(), DecodeError> {
        if list.capacity() - list.len() >= more {
            Ok(())
        } else {
            self.bounds.grow(list, more)
        }
    }

    /// Number of unread bytes of the current message.
    #[inline]
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Number of varints in `bytes`.
    pub fn count_varints(bytes: &[u8]) -> usize {
        bytes.iter().map(|byte| usize::from(*byte < 0x80)).sum()
    }

    /// Reads a length-delimited message with `read`, one level deeper.
    #[inline]
    pub fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let body = self.bytes()?;
        self.within(body, read)
    }

    /// Reads `body` with `read`, one level deeper.
    #[inline]
    pub fn within<T>(
        &mut self,
        body: &'a [u8],
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        self.bounds.enter()?;
        let after = std::mem::replace(&mut self.rest, body);
        let value = read(self)?;
        self.rest = after;
        self.bounds.leave();
        Ok(value)
    }

    /// Reads other `bytes` with `read`, one level deeper and with this reader's budget.
    ///
    /// The result cannot share memory with the input.
    pub fn elsewhere<T>(
        &mut self,
        bytes: &[u8],
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        self.bounds.enter()?;
        let mut reader = Reader::bounded(bytes, self.bounds);
        let value = read(&mut reader);
        self.bounds = reader.bounds;
        self.bounds.leave();
        self.place = reader.place;
        value
    }

    /// Skips the value of an unknown field.
    pub fn skip(&mut self, tag: u32, wire: Wire) -> Result<(), DecodeError> {
        match wire {
            Wire::Varint => self.varint().map(drop),
            Wire::Fixed64 => self.fixed::<8>().map(drop),
            Wire::Fixed32 => self.fixed::<4>().map(drop),
            Wire::Bytes => self.bytes().map(drop),
            Wire::Start => self.skip_group(tag),
            Wire::End => Err(DecodeError::Group),
        }
    }

    fn skip_group(&mut self, tag: u32) -> Result<(), DecodeError> {
        self.bounds.enter()?;
        loop {
            match self.key()?.ok_or(DecodeError::Truncated)? {
                (end, Wire::End) if end == tag => break,
                (inner, wire) => self.skip(inner, wire)?,
            }
        }
        self.bounds.leave();
        Ok(())
    }

    /// Adds the field in which a fault happened to the fault's place.
    #[cold]
    pub fn at(&mut self, fault: DecodeError, tag: u32, names: &'static [FieldName]) -> DecodeError {
        if let Some(field) = names.iter().find(|field| field.tag == tag) {
            self.place.field(field.name);
        }
        fault
    }

    /// The value of a field that was not sent.
    pub(crate) fn absent<T: Field>(
        &mut self,
        tag: u32,
        names: &'static [FieldName],
    ) -> Result<T, DecodeError> {
        T::absent(&mut self.bounds).map_err(|fault| self.at(fault, tag, names))
    }

    /// Adds the list index at which a fault happened to the fault's place.
    #[cold]
    pub fn at_index(&mut self, fault: DecodeError, index: usize) -> DecodeError {
        self.place.index(index);
        fault
    }

    /// Adds the map key at which a fault happened to the fault's place.
    #[cold]
    pub(crate) fn at_key(
        &mut self,
        fault: DecodeError,
        key: &impl std::fmt::Display,
    ) -> DecodeError {
        self.place.key(key);
        fault
    }

    pub(crate) fn bounds_mut(&mut self) -> &mut Bounds {
        &mut self.bounds
    }

    /// The memory and the nesting levels that may still be used.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The place of the fault.
    pub(crate) fn into_path(self) -> FieldPath {
        self.place
    }
}

#[cfg(test)]
mod tests;
