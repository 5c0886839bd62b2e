//! The one error type: a kind to branch on, a message to read, a source to trace.
//!
//! Does not decide what is retried (that needs to know whether a call reached a handler).
//!
//! # Examples
//!
//! ```
//! use micro::{Error, ErrorKind, OrError, Result};
//!
//! fn port(text: &str) -> Result<u16> {
//!     let port = text.parse().or_error(ErrorKind::InvalidArgument, "`port` is not a number")?;
//!     if port == 0 {
//!         return Err(Error::invalid_argument("`port` must not be 0"));
//!     }
//!     Ok(port)
//! }
//!
//! assert_eq!(port("8080")?, 8080);
//! let error = port("80a").unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::InvalidArgument);
//! assert_eq!(error.kind().http_status(), 400);
//! assert_eq!(error.chain(), "`port` is not a number: invalid digit found in string");
//! # Ok::<(), Error>(())
//! ```

mod detail;

use std::any::Any;
use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;

pub use self::detail::{Detail, Typed};

/// The result of everything in micro that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error with a [kind](ErrorKind) to branch on, a message to read and a source to trace.
///
/// One word wide, so `Result<T>` stays small. Kind, message and details travel to the caller;
/// the source stays in the process where it happened and is meant for logs.
///
/// # Examples
///
/// ```
/// use micro::{Error, ErrorKind};
///
/// let error = Error::not_found("no cart for customer `42`");
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert_eq!(error.to_string(), "no cart for customer `42`");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    details: Vec<Detail>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    /// What a higher rung hangs on: metadata.
    attached: Option<Box<dyn Any + Send + Sync>>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $new:ident $code:literal $name:literal $http:literal;)*) => {
        /// What went wrong, in the sixteen kinds of gRPC.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $kind,)*
        }

        impl ErrorKind {
            /// Every kind, in the order of the gRPC codes.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The number of this kind as a gRPC status code.
            pub const fn grpc_code(self) -> u32 {
                match self { $(Self::$kind => $code,)* }
            }

            /// The kind of a gRPC status code; `None` for 0 (no error) and unknown codes.
            pub const fn from_grpc_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$kind),)* _ => None }
            }

            /// The kind's name as Connect writes it, for example `not_found`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The kind of a name as Connect writes it.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$kind),)* _ => None }
            }

            /// The HTTP status that stands for this kind, as the Connect protocol assigns it.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$kind => $http,)* }
            }
        }

        impl Error {
            $(
                #[doc = concat!("An error of kind [`ErrorKind::", stringify!($kind), "`].")]
                pub fn $new(message: impl Into<Cow<'static, str>>) -> Self {
                    Self::new(ErrorKind::$kind, message)
                }
            )*
        }
    };
}

kinds! {
    /// The caller gave the call up.
    Cancelled cancelled 1 "canceled" 499;
    /// Something failed and nobody said what.
    Unknown unknown 2 "unknown" 500;
    /// The request is wrong whatever the state of the system.
    InvalidArgument invalid_argument 3 "invalid_argument" 400;
    /// The deadline passed first.
    DeadlineExceeded deadline_exceeded 4 "deadline_exceeded" 504;
    /// What was asked for does not exist.
    NotFound not_found 5 "not_found" 404;
    /// What was to be made exists already.
    AlreadyExists already_exists 6 "already_exists" 409;
    /// The caller is known and may not do this.
    PermissionDenied permission_denied 7 "permission_denied" 403;
    /// A limit or quota is used up.
    ResourceExhausted resource_exhausted 8 "resource_exhausted" 429;
    /// The system is not in the state that the call needs.
    FailedPrecondition failed_precondition 9 "failed_precondition" 400;
    /// Another call came in between; try the whole transaction again.
    Aborted aborted 10 "aborted" 409;
    /// Past the end of what is there.
    OutOfRange out_of_range 11 "out_of_range" 400;
    /// There is no such method, or this backend cannot do it.
    Unimplemented unimplemented 12 "unimplemented" 501;
    /// A bug on the serving side.
    Internal internal 13 "internal" 500;
    /// Nobody is there to answer just now.
    Unavailable unavailable 14 "unavailable" 503;
    /// Data is lost or damaged.
    DataLoss data_loss 15 "data_loss" 500;
    /// The caller is not known.
    Unauthenticated unauthenticated 16 "unauthenticated" 401;
}

impl ErrorKind {
    /// The kind that an HTTP status of a plain web server or proxy stands for.
    ///
    /// The table is the one gRPC prescribes for clients that meet a status without `grpc-status`.
    pub const fn from_http_status(status: u16) -> Self {
        match status {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502..=504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Error {
    /// An error of a kind with a message: one lowercase sentence that names the value and the
    /// remedy.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            details: Vec::new(),
            source: None,
            attached: None,
        }))
    }

    /// Adds what caused this error. It is not sent to callers.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds a typed detail that travels to the caller.
    pub fn with_detail(mut self, detail: Detail) -> Self {
        self.0.details.push(detail);
        self
    }

    /// Puts `context` and a colon in front of the message.
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message).into();
        self
    }

    /// Hangs a value on, in place of the one that hangs there.
    #[doc(hidden)]
    pub fn attach(&mut self, value: impl Any + Send + Sync) {
        self.0.attached = Some(Box::new(value));
    }

    /// What hangs on.
    #[doc(hidden)]
    pub fn attached<T: Any>(&self) -> Option<&T> {
        self.0.attached.as_deref()?.downcast_ref()
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message, without the source's text.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The typed details, in the order they were added.
    pub fn details(&self) -> &[Detail] {
        &self.0.details
    }

    /// The typed error that this one was made of, here or by the service that was called.
    ///
    /// # Errors
    ///
    /// The error itself, when it was made of no `E`, or of a variant of `E` that this program does
    /// not know: kind and message are left to go by.
    ///
    /// # Examples
    ///
    /// ```
    /// use micro::Error;
    ///
    /// #[micro::error]
    /// enum CartError {
    ///     #[micro(not_found, "no cart `{id}`")]
    ///     NoCart { id: u64 },
    /// }
    ///
    /// let error = Error::from(CartError::NoCart { id: 42 });
    /// assert_eq!(error.to_string(), "no cart `42`");
    /// match error.downcast::<CartError>() {
    ///     Ok(CartError::NoCart { id }) => assert_eq!(id, 42),
    ///     Err(error) => panic!("{error}"),
    /// }
    /// ```
    pub fn downcast<E: Typed>(self) -> Result<E, Self> {
        self.typed().ok_or(self)
    }

    /// The typed error that this one was made of, as [`downcast`](Self::downcast) gives it.
    pub fn typed<E: Typed>(&self) -> Option<E> {
        let name = E::detail_name();
        let mut details = self.details().iter().filter(|detail| detail.name == name);
        details.find_map(|detail| E::from_detail(&detail.value))
    }

    /// Whether the same call may succeed a moment later.
    ///
    /// It does not say that repeating is safe: the first attempt may have run.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Unavailable | ErrorKind::ResourceExhausted | ErrorKind::Aborted
        )
    }

    /// The message followed by the messages of all sources, for logs.
    pub fn chain(&self) -> String {
        let mut text = self.message().to_owned();
        let mut next = self.source();
        while let Some(source) = next {
            text.push_str(": ");
            text.push_str(&source.to_string());
            next = source.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.chain())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Turns a foreign error into an [`Error`] with a kind and a message of one's own.
///
/// # Examples
///
/// ```
/// use micro::{ErrorKind, OrError};
///
/// let port = "80a".parse::<u16>().or_error(ErrorKind::InvalidArgument, "`80a` is not a port");
/// assert_eq!(port.unwrap_err().to_string(), "`80a` is not a port");
/// ```
pub trait OrError<T> {
    /// The error becomes the source of a new one of this kind and message.
    fn or_error(self, kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Result<T>;

    /// The same with kind [`ErrorKind::Internal`].
    fn or_internal(self, message: impl Into<Cow<'static, str>>) -> Result<T>
    where
        Self: Sized,
    {
        self.or_error(ErrorKind::Internal, message)
    }
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> OrError<T> for std::result::Result<T, E> {
    fn or_error(self, kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Result<T> {
        self.map_err(|source| Error::new(kind, message).with_source(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_grpc_code_and_name() {
        for &kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_grpc_code(kind.grpc_code()), Some(kind));
            assert_eq!(ErrorKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(ErrorKind::from_grpc_code(0), None);
        assert_eq!(ErrorKind::from_grpc_code(17), None);
    }

    #[test]
    fn error_is_one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn chain_lists_sources_and_display_does_not() {
        let error = "x"
            .parse::<u8>()
            .or_internal("cannot read `x`")
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot read `x`");
        assert_eq!(
            error.chain(),
            "cannot read `x`: invalid digit found in string"
        );
    }
}
