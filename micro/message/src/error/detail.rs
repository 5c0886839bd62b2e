//! `Detail`: a typed piece of information that travels with an error; and who can read one.

use std::fmt;

/// Writes the encoded message of a detail as JSON; `None` when it is malformed.
type ToJson = fn(&[u8]) -> Option<String>;

/// A typed piece of information that travels with an error: a protobuf message and its name.
///
/// On gRPC it is one `google.protobuf.Any` in `google.rpc.Status.details`, on Connect one entry
/// of `details`.
#[derive(Clone)]
#[non_exhaustive]
pub struct Detail {
    /// Full protobuf name of the message, for example `google.rpc.RetryInfo`.
    pub name: String,
    /// The message in protobuf encoding.
    pub value: Vec<u8>,
    /// Known where the error was made; not sent.
    json: Option<ToJson>,
}

impl Detail {
    /// A detail from a full protobuf name and the encoded message.
    pub fn new(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            json: None,
        }
    }

    /// Says how the message is written as JSON, for protocols that people read.
    pub fn with_json(mut self, json: fn(&[u8]) -> Option<String>) -> Self {
        self.json = Some(json);
        self
    }

    /// The message as JSON, when this process knows its type.
    pub fn json(&self) -> Option<String> {
        (self.json?)(&self.value)
    }
}

impl PartialEq for Detail {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.value) == (&other.name, &other.value)
    }
}

impl Eq for Detail {}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detail")
            .field("name", &self.name)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

/// A type of errors that travels as a detail: an enum that has `#[micro::error]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a typed error",
    label = "not a typed error",
    note = "if `{Self}` is your own enum, put `#[micro::error]` on it"
)]
pub trait Typed: Sized + 'static {
    /// The full protobuf name of its message.
    fn detail_name() -> String;

    /// Reads it; `None` when the bytes are malformed, or a newer service's variant.
    fn from_detail(value: &[u8]) -> Option<Self>;
}
