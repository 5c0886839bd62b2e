//! Static information on services and methods.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A location in source code, for messages on linked items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The file, in the format of `file!()`.
    pub file: &'static str,
    /// The line number, starting at 1.
    pub line: u32,
}

impl Location {
    /// Creates a location from `file!()` and `line!()`.
    pub const fn new(file: &'static str, line: u32) -> Self {
        Self { file, line }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The names, version and metadata of a service.
///
/// `#[micro::service]` generates it. [`ServiceInfo::new`] creates one by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceInfo {
    /// The name under which nodes register, in kebab case, for example `greeter`.
    pub name: &'static str,
    /// The name on the wire, consisting of package and type, for example `greeter.Greeter`.
    pub wire: &'static str,
    /// The version that nodes register. Default: `0.0.0`.
    pub version: &'static str,
    /// The service's doc comment.
    pub doc: &'static str,
    /// Whether the service is deprecated.
    pub deprecated: bool,
    /// Metadata that nodes register with the service.
    pub metadata: &'static [(&'static str, &'static str)],
    /// Source location of the definition.
    pub location: Option<Location>,
}

impl ServiceInfo {
    /// Creates a service from its registered name and its name on the wire.
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

    /// Marks the service as deprecated.
    pub const fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Sets the metadata that nodes register.
    pub const fn metadata(mut self, metadata: &'static [(&'static str, &'static str)]) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sets the source location of the definition.
    pub const fn location(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }
}

/// The four kinds of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// One request, one response.
    #[default]
    Unary,
    /// One request, a stream of responses.
    ServerStream,
    /// A stream of requests, one response.
    ClientStream,
    /// A stream of requests, a stream of responses.
    Bidirectional,
}

impl Kind {
    /// Whether the caller sends a stream.
    pub const fn streams_requests(self) -> bool {
        matches!(self, Self::ClientStream | Self::Bidirectional)
    }

    /// Whether the service sends a stream.
    pub const fn streams_responses(self) -> bool {
        matches!(self, Self::ServerStream | Self::Bidirectional)
    }
}

/// The guarantees and limits of a method. They are the same for the service that runs the method
/// and for the clients that call it.
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
    /// Whether running the method twice has the same effect as running it once.
    pub idempotent: bool,
    /// Whether the method changes nothing. A safe method is also idempotent.
    pub safe: bool,
    /// Timeout of calls whose caller sets no deadline. `None` by default: the method has no timeout
    /// of its own.
    pub timeout: Option<Duration>,
    /// Maximum size of a message in either direction, in bytes. `None` by default: the limits of
    /// the server and the client apply. A value replaces them.
    pub max_message_size: Option<usize>,
}

impl MethodOptions {
    /// Creates options without guarantees and limits.
    pub const fn new() -> Self {
        Self {
            idempotent: false,
            safe: false,
            timeout: None,
            max_message_size: None,
        }
    }

    /// Marks the method as idempotent: running it twice has the same effect as running it once.
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Marks the method as safe: it changes nothing. A safe method is also idempotent, and web
    /// pages of other sites may call it.
    pub const fn safe(mut self) -> Self {
        self.safe = true;
        self.idempotent()
    }

    /// Sets the timeout of calls whose caller sets no deadline.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the maximum size of a message in either direction, in bytes. It overrides the limits of
    /// the server and the client.
    pub const fn max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = Some(bytes);
        self
    }
}

/// Setters for a struct that has [`MethodOptions`] in its field `options`.
macro_rules! options_setters {
    () => {
        /// Replaces all options.
        pub fn options(mut self, options: MethodOptions) -> Self {
            self.options = options;
            self
        }

        /// Marks the method as idempotent. See [`MethodOptions::idempotent`].
        pub fn idempotent(mut self) -> Self {
            self.options = self.options.idempotent();
            self
        }

        /// Marks the method as safe. See [`MethodOptions::safe`].
        pub fn safe(mut self) -> Self {
            self.options = self.options.safe();
            self
        }

        /// Sets the timeout. See [`MethodOptions::timeout`].
        pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
            self.options = self.options.timeout(timeout);
            self
        }

        /// Sets the maximum message size. See [`MethodOptions::max_message_size`].
        pub fn max_message_size(mut self, bytes: usize) -> Self {
            self.options = self.options.max_message_size(bytes);
            self
        }
    };
}

pub(super) use options_setters;

/// Information on a method that the caller and the service share.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodInfo {
    /// The name under which the service's nodes register.
    pub service: Cow<'static, str>,
    /// The path on the wire, for example `/greeter.Greeter/Hello`.
    pub path: Cow<'static, str>,
    /// The kind of call.
    pub kind: Kind,
    /// The method's guarantees and limits.
    pub options: MethodOptions,
}

impl MethodInfo {
    /// Creates a unary method from the service's registered name and the method's path on the wire.
    pub fn new(service: impl Into<Cow<'static, str>>, path: impl Into<Cow<'static, str>>) -> Self {
        Self {
            service: service.into(),
            path: path.into(),
            kind: Kind::Unary,
            options: MethodOptions::new(),
        }
    }

    /// Creates a unary method of a service: `MethodInfo::of(&INFO, "Hello")`.
    pub fn of(service: &ServiceInfo, method: &str) -> Self {
        Self::new(service.name, format!("/{}/{method}", service.wire))
    }

    /// Sets the kind of call.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    options_setters!();

    /// Returns the service's name on the wire: `greeter.Greeter` for `/greeter.Greeter/Hello`.
    pub fn wire_service(&self) -> &str {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        path.rsplit_once('/').map_or(path, |(service, _)| service)
    }

    /// Returns the method's name without the service: `Hello` for `/greeter.Greeter/Hello`.
    pub fn name(&self) -> &str {
        self.path
            .rsplit_once('/')
            .map_or(&self.path, |(_, name)| name)
    }
}

/// Returns the name for discovery of a service that micro did not generate: the last segment of its
/// wire name in kebab case, `greeter` for `helloworld.Greeter`. The attribute `#[micro::service]`
/// applies the same rule to the struct's name.
pub fn service_name(wire: &str) -> String {
    let name = wire.rsplit_once('.').map_or(wire, |(_, name)| name);
    let letters: Vec<char> = name.chars().collect();
    let mut kebab = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        if letter == '_' {
            kebab.push('-');
            continue;
        }
        let before = at.checked_sub(1).map(|before| letters[before]);
        let starts_word = before.is_some_and(|before| {
            let next_is_small = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
            before != '_' && (before.is_lowercase() || before.is_numeric() || next_is_small)
        });
        if letter.is_uppercase() && starts_word {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab.trim_matches('-').to_owned()
}

/// Prefixes of the built-in services: health, reflection, and the receiver of events.
const BUILT_IN: [&str; 3] = ["grpc.health.", "grpc.reflection.", "micro.broker."];

/// Whether the service with this name on the wire is built in.
pub fn is_built_in(wire: &str) -> bool {
    BUILT_IN.iter().any(|own| wire.starts_with(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_services_are_named_like_those_of_the_attribute() {
        for (wire, expected) in [
            ("helloworld.Greeter", "greeter"),
            ("Greeter", "greeter"),
            ("shop.v1.OrderBook", "order-book"),
            ("a.HTTPProxy", "http-proxy"),
            ("a.Http2Proxy", "http2-proxy"),
            ("a.V1", "v1"),
            ("a.Snake_Case", "snake-case"),
        ] {
            assert_eq!(service_name(wire), expected);
        }
    }
}
