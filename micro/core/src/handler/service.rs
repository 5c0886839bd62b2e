//! `Service`: a type whose methods others call, and what it serves.

use crate::handler::info::ServiceInfo;
use crate::handler::method::Method;

/// A type whose methods others call.
///
/// `#[micro::service]` implements it; by hand it is one function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "put `#[micro::service]` on `struct {Self}`"
)]
pub trait Service: Send + Sync + 'static {
    /// What this type serves: itself, and each contract that it implements.
    fn served() -> Vec<Served>;
}

/// One service on the wire and its methods.
#[derive(Debug, Clone)]
pub struct Served {
    pub(super) info: ServiceInfo,
    pub(super) methods: Vec<Method>,
}

impl Served {
    /// A service without methods yet.
    pub fn new(info: ServiceInfo) -> Self {
        Self {
            info,
            methods: Vec::new(),
        }
    }

    /// Adds a method.
    pub fn method(mut self, method: Method) -> Self {
        self.methods.push(method);
        self
    }

    /// Adds methods.
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods.extend(methods);
        self
    }

    /// The methods, in no particular order.
    #[allow(
        clippy::iter_without_into_iter,
        reason = "a service is more than its methods"
    )]
    pub fn iter(&self) -> std::slice::Iter<'_, Method> {
        self.methods.iter()
    }

    /// Names, version, metadata.
    pub fn info(&self) -> &ServiceInfo {
        &self.info
    }
}
