//! The error type of micro: a kind to match on, a message to read and a source to trace.
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
use std::sync::{Arc, MutexGuard, PoisonError, RwLockReadGuard, RwLockWriteGuard};

pub use self::detail::{Detail, Typed};

/// The result of every fallible function in micro.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error with a [kind](ErrorKind) to match on, a message to read and a source to trace.
///
/// The type is one word wide, so `Result<T>` stays small. Kind, message and details are sent to the
/// caller. The source stays in the process where the error happened and is meant for logs.
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
///
/// Errors are equal if a caller could not distinguish them: kind, message and details are compared,
/// sources and metadata are not.
///
/// ```
/// # use micro::Error;
/// let error = Error::not_found("no cart").with_source(std::io::Error::other("empty"));
/// assert_eq!(error, Error::not_found("no cart"));
/// assert_ne!(error, Error::not_found("no user"));
/// ```
#[derive(Clone, PartialEq)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    details: Vec<Detail>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    /// A value that a higher layer attaches: metadata.
    attached: Option<Arc<dyn Any + Send + Sync>>,
}

impl PartialEq for Inner {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.message == other.message && self.details == other.details
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $new:ident $code:literal $name:literal $http:literal;)*) => {
        /// The kind of an error: the sixteen error codes of gRPC.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $kind,)*
        }

        impl ErrorKind {
            /// All kinds, in the order of the gRPC codes.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The gRPC status code of this kind.
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

            /// The kind with this name, as Connect writes it.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$kind),)* _ => None }
            }

            /// The HTTP status of this kind, as the Connect protocol assigns it.
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
    /// The caller cancelled the call.
    Cancelled cancelled 1 "canceled" 499;
    /// The cause is unknown.
    Unknown unknown 2 "unknown" 500;
    /// The request is invalid, whatever the state of the system.
    InvalidArgument invalid_argument 3 "invalid_argument" 400;
    /// The deadline passed before the call was complete.
    DeadlineExceeded deadline_exceeded 4 "deadline_exceeded" 504;
    /// The requested entity does not exist.
    NotFound not_found 5 "not_found" 404;
    /// The entity to create exists already.
    AlreadyExists already_exists 6 "already_exists" 409;
    /// The caller is authenticated but lacks the permission.
    PermissionDenied permission_denied 7 "permission_denied" 403;
    /// A limit or quota is exhausted.
    ResourceExhausted resource_exhausted 8 "resource_exhausted" 429;
    /// The system is not in the state that the call requires.
    FailedPrecondition failed_precondition 9 "failed_precondition" 400;
    /// The call conflicted with a concurrent one; retry the whole transaction.
    Aborted aborted 10 "aborted" 409;
    /// The position is past the end of the valid range.
    OutOfRange out_of_range 11 "out_of_range" 400;
    /// The method does not exist, or the backend does not support it.
    Unimplemented unimplemented 12 "unimplemented" 501;
    /// A bug in the service.
    Internal internal 13 "internal" 500;
    /// No node can handle the call at the moment.
    Unavailable unavailable 14 "unavailable" 503;
    /// Data is lost or corrupted.
    DataLoss data_loss 15 "data_loss" 500;
    /// The caller is not authenticated.
    Unauthenticated unauthenticated 16 "unauthenticated" 401;
}

impl ErrorKind {
    /// The kind for an HTTP status of a plain web server or proxy.
    ///
    /// This is gRPC's mapping for a response without `grpc-status`.
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
    /// Creates an error from a kind and a message. A message is one lowercase sentence that names
    /// the value and the remedy.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            details: Vec::new(),
            source: None,
            attached: None,
        }))
    }

    /// Sets the cause of this error. It is not sent to callers.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Adds a typed detail, which is sent to the caller.
    pub fn with_detail(mut self, detail: Detail) -> Self {
        self.0.details.push(detail);
        self
    }

    /// Prepends `context` and a colon to the message.
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message).into();
        self
    }

    /// Attaches a value and replaces the one attached before.
    #[doc(hidden)]
    pub fn attach(&mut self, value: impl Any + Send + Sync) {
        self.0.attached = Some(Arc::new(value));
    }

    /// The attached value.
    #[doc(hidden)]
    pub fn attached<T: Any>(&self) -> Option<&T> {
        self.0.attached.as_deref()?.downcast_ref()
    }

    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message, without the message of the source.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The typed details, in the order they were added.
    pub fn details(&self) -> &[Detail] {
        &self.0.details
    }

    /// Returns the typed error that this error was created from, in this process or by the called
    /// service.
    ///
    /// # Errors
    ///
    /// Returns the error unchanged if it was not created from an `E`, or from a variant of `E` that
    /// this program does not know. Match on its kind then.
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

    /// Returns the typed error that this error was created from, like [`downcast`](Self::downcast)
    /// but by reference.
    pub fn typed<E: Typed>(&self) -> Option<E> {
        let name = E::detail_name();
        let mut details = self.details().iter().filter(|detail| detail.name == name);
        details.find_map(|detail| E::from_detail(&detail.value))
    }

    /// Whether the same call may succeed a moment later.
    ///
    /// This does not mean that a retry is safe: the first attempt may have run.
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

/// Converts any error into an [`Error`] with a given kind and message.
///
/// # Examples
///
/// ```
/// use micro::{ErrorKind, OrError};
///
/// let port = "80a".parse::<u16>().or_error(ErrorKind::InvalidArgument, "`80a` is not a port");
/// assert_eq!(port.unwrap_err().to_string(), "`80a` is not a port");
/// ```
///
/// The error of a poisoned lock contains the guard, so it cannot become the source. Its text does:
///
/// ```
/// use std::sync::Mutex;
/// use micro::{OrError, Result};
///
/// fn next(count: &Mutex<u64>) -> Result<u64> {
///     let mut count = count.lock().or_internal("a call panicked while it counted")?;
///     *count += 1;
///     Ok(*count)
/// }
/// # assert_eq!(next(&Mutex::new(1)).unwrap(), 2);
/// ```
///
/// `Source` distinguishes the implementations and is inferred.
pub trait OrError<T, Source = AnyError> {
    /// Creates an error with this kind and message. The original error becomes its source.
    fn or_error(self, kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Result<T>;

    /// Like [`or_error`](Self::or_error), with the kind [`ErrorKind::Internal`].
    fn or_internal(self, message: impl Into<Cow<'static, str>>) -> Result<T>
    where
        Self: Sized,
    {
        self.or_error(ErrorKind::Internal, message)
    }
}

/// The kind of source of [`OrError`] that is kept as it is.
#[doc(hidden)]
#[derive(Debug)]
pub enum AnyError {}

/// The kind of source of [`OrError`] that holds the guard of a poisoned lock.
#[doc(hidden)]
#[derive(Debug)]
pub enum PoisonedLock {}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> OrError<T> for std::result::Result<T, E> {
    fn or_error(self, kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Result<T> {
        self.map_err(|source| Error::new(kind, message).with_source(source))
    }
}

// The guards are not `Send`, so the implementation above never applies to them as well.
macro_rules! poisoned {
    ($($guard:ident)*) => {$(
        impl<'a, T: ?Sized> OrError<$guard<'a, T>, PoisonedLock>
            for std::result::Result<$guard<'a, T>, PoisonError<$guard<'a, T>>>
        {
            fn or_error(
                self,
                kind: ErrorKind,
                message: impl Into<Cow<'static, str>>,
            ) -> Result<$guard<'a, T>> {
                self.map_err(|source| Error::new(kind, message).with_source(source.to_string()))
            }
        }
    )*};
}

poisoned!(MutexGuard RwLockReadGuard RwLockWriteGuard);

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
    fn poisoned_lock_is_an_error_with_a_source() {
        let lock = std::sync::RwLock::new(1);
        let count = std::sync::Mutex::new(1);
        std::thread::scope(|scope| {
            let panicking = scope.spawn(|| {
                let _lock = lock.write().unwrap();
                let _count = count.lock().unwrap();
                panic!("a panic of the test");
            });
            panicking.join().unwrap_err();
        });
        let text = "cannot count: poisoned lock: another task failed inside";
        let error = count.lock().or_internal("cannot count").unwrap_err();
        assert_eq!(error.chain(), text);
        let error = lock.read().or_internal("cannot count").unwrap_err();
        assert_eq!(error.chain(), text);
        let error = lock
            .write()
            .or_error(ErrorKind::DataLoss, "cannot count")
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.chain()),
            (ErrorKind::DataLoss, text.to_owned())
        );
    }

    #[test]
    fn a_clone_shares_the_source() {
        let error = Error::internal("broken").with_source(std::io::Error::other("disk"));
        let clone = error.clone();
        assert_eq!(clone, error);
        assert_eq!(clone.chain(), "broken: disk");
        assert_ne!(clone, Error::unavailable("broken"));
        let detail = Detail::new("a.A", [1]);
        assert_ne!(clone.with_detail(detail), error);
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
