//! What is known of a service and of a method before anything is called.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A place in source code, for messages about what is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The file, as `file!()` gives it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
}

impl Location {
    /// A place from `file!()` and `line!()`.
    pub const fn new(file: &'static str, line: u32) -> Self {
        Self { file, line }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What a service is called, by whom and under which names.
///
/// A table entry: `#[micro::service]` makes it, [`ServiceInfo::new`] makes one by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceInfo {
    /// The name under which nodes register, in kebab case: `greeter`.
    pub name: &'static str,
    /// The name on the wire, package and type: `greeter.Greeter`.
    pub wire: &'static str,
    /// The version that nodes register; default `0.0.0`.
    pub version: &'static str,
    /// The doc comment.
    pub doc: &'static str,
    /// Whether it is not to be used in new code.
    pub deprecated: bool,
    /// What nodes register beside it.
    pub metadata: &'static [(&'static str, &'static str)],
    /// Where it is defined.
    pub location: Option<Location>,
}

impl ServiceInfo {
    /// A service by its registered name and its name on the wire.
    pub const fn new(name: &'static str, wire: &'static str) -> Self {
        Self {
            name,
            wire,
            version: "0.0.0",
            doc: "",
            deprecated: false,
            metadata: &[],
            location: None,
        }
    }

    /// Sets the version.
    pub const fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// Sets the doc comment.
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Says that it is not to be used in new code.
    pub const fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Sets the metadata that nodes register.
    pub const fn metadata(mut self, metadata: &'static [(&'static str, &'static str)]) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sets the place of definition.
    pub const fn location(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }
}

/// The four kinds of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// One request, one reply.
    #[default]
    Unary,
    /// One request, many replies.
    ServerStream,
    /// Many requests, one reply.
    ClientStream,
    /// Many requests, many replies.
    Bidirectional,
}

impl Kind {
    /// Whether the caller sends a stream.
    pub const fn streams_requests(self) -> bool {
        matches!(self, Self::ClientStream | Self::Bidirectional)
    }

    /// Whether the service answers with a stream.
    pub const fn streams_responses(self) -> bool {
        matches!(self, Self::ServerStream | Self::Bidirectional)
    }
}

/// What a method promises and what limits its calls; the same for the service that runs it and
/// for the clients that call it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use micro::handler::MethodOptions;
///
/// const OPTIONS: MethodOptions = MethodOptions::new()
///     .safe()
///     .timeout(Duration::from_secs(2));
/// assert!(OPTIONS.idempotent);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MethodOptions {
    /// Whether running it twice is the same as running it once.
    pub idempotent: bool,
    /// Whether running it changes nothing at all; it is idempotent, too.
    pub safe: bool,
    /// How long a call may take when its caller sets no deadline.
    pub timeout: Option<Duration>,
    /// The longest message in either direction, in bytes, instead of the server's and the
    /// client's own limits.
    pub max_message_size: Option<usize>,
}

impl MethodOptions {
    /// Promises nothing, limits nothing.
    pub const fn new() -> Self {
        Self {
            idempotent: false,
            safe: false,
            timeout: None,
            max_message_size: None,
        }
    }

    /// Says that running it twice is the same as running it once.
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Says that running it changes nothing: it is idempotent, and pages of other sites may ask.
    pub const fn safe(mut self) -> Self {
        self.safe = true;
        self.idempotent()
    }

    /// Sets how long a call may take when its caller sets no deadline.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the longest message in either direction, in bytes, instead of the server's and the
    /// client's own limits.
    pub const fn max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = Some(bytes);
        self
    }
}

/// The setters of a record that holds [`MethodOptions`] in its field `options`.
macro_rules! options_setters {
    () => {
        /// Replaces all options.
        pub fn options(mut self, options: MethodOptions) -> Self {
            self.options = options;
            self
        }

        /// As [`MethodOptions::idempotent`].
        pub fn idempotent(mut self) -> Self {
            self.options = self.options.idempotent();
            self
        }

        /// As [`MethodOptions::safe`].
        pub fn safe(mut self) -> Self {
            self.options = self.options.safe();
            self
        }

        /// As [`MethodOptions::timeout`].
        pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
            self.options = self.options.timeout(timeout);
            self
        }

        /// As [`MethodOptions::max_message_size`].
        pub fn max_message_size(mut self, bytes: usize) -> Self {
            self.options = self.options.max_message_size(bytes);
            self
        }
    };
}

pub(super) use options_setters;

/// What caller and service both know of a method.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodInfo {
    /// The name under which the service's nodes register.
    pub service: Cow<'static, str>,
    /// The name on the wire: `/greeter.Greeter/Hello`.
    pub path: Cow<'static, str>,
    /// Which of the four kinds of call it is.
    pub kind: Kind,
    /// What it promises and what limits its calls.
    pub options: MethodOptions,
}

impl MethodInfo {
    /// A unary method by the service's registered name and the method's path on the wire.
    pub fn new(service: impl Into<Cow<'static, str>>, path: impl Into<Cow<'static, str>>) -> Self {
        Self {
            service: service.into(),
            path: path.into(),
            kind: Kind::Unary,
            options: MethodOptions::new(),
        }
    }

    /// A unary method of a described service: `MethodInfo::of(&INFO, "Hello")`.
    pub fn of(service: &ServiceInfo, method: &str) -> Self {
        Self::new(service.name, format!("/{}/{method}", service.wire))
    }

    /// Sets the kind of call.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    options_setters!();

    /// The service's name on the wire, `greeter.Greeter` in `/greeter.Greeter/Hello`.
    pub fn wire_service(&self) -> &str {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        path.rsplit_once('/').map_or(path, |(service, _)| service)
    }

    /// The method's own name, `Hello` in `/greeter.Greeter/Hello`.
    pub fn name(&self) -> &str {
        self.path
            .rsplit_once('/')
            .map_or(&self.path, |(_, name)| name)
    }
}

/// Services that no user wrote: health, reflection, and what takes events in.
const BUILT_IN: [&str; 3] = ["grpc.health.", "grpc.reflection.", "micro.broker."];

/// Whether a service, by its name on the wire, is one that no user wrote.
pub fn is_built_in(wire: &str) -> bool {
    BUILT_IN.iter().any(|own| wire.starts_with(own))
}
