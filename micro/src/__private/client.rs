//! Calls of generated clients.

#![allow(
    clippy::needless_pass_by_value,
    reason = "values that only carry a type"
)]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::client::{Client, Request};
use crate::handler::{Kind, MethodInfo, RequestSpec, ResponseSpec, ServiceInfo};

/// What a client knows of a method; its path is put together on the first call.
#[derive(Debug)]
pub struct LazyMethod {
    name: &'static str,
    idempotent: bool,
    safe: bool,
    timeout: Option<Duration>,
    message_limit: Option<usize>,
    info: OnceLock<Arc<MethodInfo>>,
}

impl LazyMethod {
    /// A method by its name on the wire.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            idempotent: false,
            safe: false,
            timeout: None,
            message_limit: None,
            info: OnceLock::new(),
        }
    }

    /// Says that running it twice is the same as running it once.
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Says that running it changes nothing.
    pub const fn safe(mut self) -> Self {
        self.safe = true;
        self.idempotent()
    }

    /// Sets how long a call may take when its caller sets no deadline.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the longest message in either direction, in bytes.
    pub const fn message_limit(mut self, bytes: usize) -> Self {
        self.message_limit = Some(bytes);
        self
    }

    fn info(&self, service: &'static ServiceInfo, kind: Kind) -> &Arc<MethodInfo> {
        self.info.get_or_init(|| {
            let mut info = MethodInfo::of(service, self.name).kind(kind);
            (info.idempotent, info.safe) = (self.idempotent, self.safe);
            info.timeout = self.timeout;
            info.message_limit = self.message_limit;
            Arc::new(info)
        })
    }
}

/// Where a call goes.
#[derive(Debug)]
pub struct Target<'a> {
    /// The client.
    pub client: &'a Client,
    /// The service.
    pub service: &'static ServiceInfo,
    /// Its method.
    pub method: &'static LazyMethod,
}

/// A call, to be awaited.
pub fn request<Q, A, E>(
    target: &Target<'_>,
    question: RequestSpec<Q>,
    answer: ResponseSpec<A>,
    request: Q,
) -> Request<A, E> {
    let kind = question.kind(&answer);
    let method = Arc::clone(target.method.info(target.service, kind));
    Request::with_body(target.client.clone(), method, question.body(request))
}
