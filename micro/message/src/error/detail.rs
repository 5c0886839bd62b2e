//! `Detail`: typed information that is sent with an error; and the trait of types that can be
//! decoded from it.

use std::fmt;

/// Converts the encoded message of a detail to JSON. Returns `None` if it is malformed.
type ToJson = fn(&[u8]) -> Option<String>;

/// Typed information that is sent with an error: a protobuf message and its name.
///
/// In gRPC a detail is one `google.protobuf.Any` in `google.rpc.Status.details`, in Connect one
/// entry of `details`.
#[derive(Clone)]
#[non_exhaustive]
pub struct Detail {
    /// Full protobuf name of the message, for example `google.rpc.RetryInfo`.
    pub name: String,
    /// The message in protobuf encoding.
    pub value: Vec<u8>,
    /// Set where the error was created; not sent.
    json: Option<ToJson>,
}

impl Detail {
    /// Creates a detail from a full protobuf name and the encoded message.
    pub fn new(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            json: None,
        }
    }

    /// Sets the conversion to JSON, for protocols that are read by people.
    pub fn with_json(mut self, json: fn(&[u8]) -> Option<String>) -> Self {
        self.json = Some(json);
        self
    }

    /// The message as JSON, if its type is known in this process.
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

/// An error type that can be sent as a detail: an enum with `#[micro::error]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a typed error",
    label = "not a typed error",
    note = "if `{Self}` is your own enum, put `#[micro::error]` on it"
)]
pub trait Typed: Sized + 'static {
    /// The full protobuf name of its message.
    fn detail_name() -> String;

    /// Decodes the error. Returns `None` if the bytes are malformed or contain a variant of a newer
    /// service.
    fn from_detail(value: &[u8]) -> Option<Self>;
}
