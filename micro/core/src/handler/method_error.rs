//! `MethodError`: what a method may return as its error, and what callers then get.

use std::convert::Infallible;

use crate::handler::spec::Describe;
use micro_message::error::Error;

/// An error that a method may return: [`Error`], or an enum that has `#[micro::error]`.
///
/// Other errors become an [`Error`] by `?`, in a method that returns
/// [`micro::Result`](micro_message::error::Result).
///
/// # Examples
///
/// By hand, for a type that callers see as [`Error`]:
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
    /// What callers get: the enum itself if it has a variant for all other errors, or [`Error`].
    type Caller: From<Error> + 'static;

    /// The message in which it travels, if any.
    const DESCRIBE: Option<Describe> = None;

    /// The error that travels.
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
