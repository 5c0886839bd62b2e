//! `Service`: a type with methods that others call.

use crate::handler::info::ServiceInfo;
use crate::handler::method::Method;

/// A type with methods that others call.
///
/// `#[micro::service]` implements the trait. By hand, it is one function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "put `#[micro::service]` on `struct {Self}`"
)]
pub trait Service: Send + Sync + 'static {
    /// Returns the services of this type: its own, and one for each contract that it implements.
    fn served() -> Vec<Served>;
}

/// One service on the wire and its methods.
#[derive(Debug, Clone)]
pub struct Served {
    pub(super) info: ServiceInfo,
    pub(super) methods: Vec<Method>,
}

impl Served {
    /// Creates a service without methods.
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

    /// Returns the methods, in no particular order.
    #[allow(
        clippy::iter_without_into_iter,
        reason = "a service is more than its methods"
    )]
    pub fn iter(&self) -> std::slice::Iter<'_, Method> {
        self.methods.iter()
    }

    /// Returns names, version and metadata.
    pub fn info(&self) -> &ServiceInfo {
        &self.info
    }
}
