//! `MethodError`: the errors that a method may return, and the errors that its callers receive.

use std::convert::Infallible;

use crate::handler::spec::Describe;
use micro_message::error::Error;

/// An error that a method may return: [`Error`], or an enum with `#[micro::error]`.
///
/// In a method that returns [`micro::Result`](micro_message::error::Result), `?` converts other
/// errors to [`Error`].
///
/// # Examples
///
/// An implementation by hand, for a type that callers receive as [`Error`]:
///
/// ```
/// use micro::Error;
/// use micro::handler::MethodError;
///
/// struct Refusal;
///
/// impl MethodError for Refusal {
///     type Caller = Error;
///
///     fn into_wire_error(self) -> Error {
///         Error::permission_denied("not you")
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a method",
    label = "not an error of a method",
    note = "if `{Self}` is your own enum, put `#[micro::error]` on it",
    note = "or return `micro::Result<…>`: `?` converts errors that implement `Into<micro::Error>`, \
            and `.or_internal(\"…\")?` converts any other error"
)]
pub trait MethodError: 'static {
    /// The error type of callers: the enum itself if it has a variant for all other errors,
    /// otherwise [`Error`].
    type Caller: From<Error> + 'static;

    /// Descriptor of the message that encodes the error, if there is one.
    const DESCRIBE: Option<Describe> = None;

    /// Converts to the error that is sent to the caller.
    fn into_wire_error(self) -> Error;
}

impl MethodError for Error {
    type Caller = Self;

    fn into_wire_error(self) -> Error {
        self
    }
}

impl MethodError for Infallible {
    type Caller = Error;

    fn into_wire_error(self) -> Error {
        match self {}
    }
}
