//! Functions and traits that the expansion of `#[micro::error]` needs.

use std::fmt::Display;

use bytes::Bytes;

use crate::codec::Message;
use crate::error::{Detail, Error, ErrorKind, Typed};
use crate::handler::{Describe, Method};

/// Maximum memory for decoding a typed error, in bytes. The size of the metadata already limits the
/// encoded error.
const MEMORY: usize = 1 << 20;

/// Creates the error that is sent to the caller. Every client can read kind and text. Clients that
/// know the enum also decode the message.
pub fn wire_error<E: Typed + Message + Display>(kind: ErrorKind, typed: &E) -> Error {
    let mut value = Vec::new();
    typed.encode(&mut value);
    let detail = Detail::new(E::detail_name(), value).with_json(json::<E>);
    Error::new(kind, typed.to_string()).with_detail(detail)
}

/// Decodes a typed error.
pub fn read<E: Message>(value: &[u8]) -> Option<E> {
    E::decode(&Bytes::copy_from_slice(value), MEMORY).ok()
}

fn json<E: Message>(value: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    read::<E>(value)?.encode_json(&mut text).ok()?;
    String::from_utf8(text).ok()
}

/// Returns the full name of a message.
pub fn name<E: Message>() -> String {
    <E as Message>::name()
}

/// The content of a variant for all other errors.
#[diagnostic::on_unimplemented(
    message = "a variant marked `other` must hold `micro::Error`, not `{Self}`",
    label = "expected `micro::Error`",
    note = "write `#[micro(other)] Other(micro::Error)`"
)]
pub trait OtherError {
    /// Converts from the received error.
    fn from_error(error: Error) -> Self;
    /// Converts to the error that is sent to the caller.
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

/// Converts any error to an enum that has a variant for all other errors.
pub fn downcast_or<E: Typed, H>(error: Error, from_error: fn(Error) -> H, other: fn(H) -> E) -> E {
    error
        .downcast()
        .unwrap_or_else(|error| other(from_error(error)))
}

/// Sets the message that encodes the errors of a method, if there is one.
pub fn with_error(method: Method, describe: Option<Describe>) -> Method {
    match describe {
        Some(describe) => method.error(describe),
        None => method,
    }
}
