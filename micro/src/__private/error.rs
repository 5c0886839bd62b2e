//! What the expansion of `#[micro::error]` needs.

use std::fmt::Display;

use bytes::Bytes;

use crate::codec::Message;
use crate::error::{Detail, Error, ErrorKind, Typed};
use crate::handler::{Describe, Method};

/// How much memory a typed error may take: those that made it through the limits of metadata.
const MEMORY: usize = 1 << 20;

/// The error that travels: kind and text for everybody, the message for who knows it.
pub fn wire_error<E: Typed + Message + Display>(kind: ErrorKind, typed: &E) -> Error {
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

/// What a variant for all other errors holds.
#[diagnostic::on_unimplemented(
    message = "a variant marked `other` must hold `micro::Error`, not `{Self}`",
    label = "expected `micro::Error`",
    note = "write `#[micro(other)] Other(micro::Error)`"
)]
pub trait OtherError {
    /// The error, to keep.
    fn from_error(error: Error) -> Self;
    /// The error, to send on.
    fn into_error(self) -> Error;
}

impl OtherError for Error {
    fn from_error(error: Self) -> Self {
        error
    }

    fn into_error(self) -> Self {
        self
    }
}

/// Whatever came, as an enum that has a variant for all other errors.
pub fn downcast_or<E: Typed, H>(error: Error, from_error: fn(Error) -> H, other: fn(H) -> E) -> E {
    error
        .downcast()
        .unwrap_or_else(|error| other(from_error(error)))
}

/// Says of a method in which message its errors travel, if in any.
pub fn with_error(method: Method, describe: Option<Describe>) -> Method {
    match describe {
        Some(describe) => method.error(describe),
        None => method,
    }
}
