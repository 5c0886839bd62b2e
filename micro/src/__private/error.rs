//! What the expansion of `#[micro::error]` needs.

use std::fmt::Display;

use bytes::Bytes;

use crate::codec::Message;
use crate::error::{Detail, Error, ErrorKind, Typed};
use crate::handler::{Method, MethodError};

/// How much memory a typed error may take: those that made it through the limits of metadata.
const MEMORY: usize = 1 << 20;

/// The error that travels: kind and text for everybody, the message for who knows it.
pub fn traveling<E: Typed + Message + Display>(kind: ErrorKind, typed: &E) -> Error {
    let mut value = Vec::new();
    typed.encode(&mut value);
    let detail = Detail::new(E::detail_name(), value).with_json(json::<E>);
    Error::new(kind, typed.to_string()).with_detail(detail)
}

/// Reads a typed error.
pub fn read<E: Message>(value: &[u8]) -> Option<E> {
    E::decode(&Bytes::copy_from_slice(value), MEMORY).ok()
}

fn json<E: Message>(value: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    read::<E>(value)?.encode_json(&mut text).ok()?;
    String::from_utf8(text).ok()
}

/// The full name of a message.
pub fn name<E: Message>() -> String {
    <E as Message>::name()
}

/// Whatever came, as an enum that has a variant for all other errors.
pub fn caught<E: Typed>(error: Error, other: fn(Error) -> E) -> E {
    error.downcast().unwrap_or_else(other)
}

/// Says of a method in which message its errors travel.
pub fn fails<E: MethodError>(method: Method) -> Method {
    match E::DESCRIBE {
        Some(describe) => method.error(describe),
        None => method,
    }
}
