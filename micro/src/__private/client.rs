//! Functions that generated clients call.

#![allow(
    clippy::needless_pass_by_value,
    reason = "values that only carry a type"
)]

use std::sync::{Arc, OnceLock};

use crate::client::{Client, Request};
use crate::handler::{Kind, MethodInfo, MethodOptions, RequestSpec, ResponseSpec, ServiceInfo};

/// A method as a client knows it. The method's path is built on the first call.
#[derive(Debug)]
pub struct LazyMethod {
    name: &'static str,
    options: MethodOptions,
    info: OnceLock<Arc<MethodInfo>>,
}

impl LazyMethod {
    /// Creates a method from its name on the wire.
    pub const fn new(name: &'static str, options: MethodOptions) -> Self {
        Self {
            name,
            options,
            info: OnceLock::new(),
        }
    }

    fn info(&self, service: &'static ServiceInfo, kind: Kind) -> &Arc<MethodInfo> {
        self.info.get_or_init(|| {
            let info = MethodInfo::of(service, self.name);
            Arc::new(info.kind(kind).options(self.options))
        })
    }
}

/// The target of a call.
#[derive(Debug)]
pub struct CallTarget<'a> {
    /// The client.
    pub client: &'a Client,
    /// The service.
    pub service: &'static ServiceInfo,
    /// The service's method.
    pub method: &'static LazyMethod,
}

/// Creates a request, which runs when it is awaited.
pub fn request<Req, Res, E>(
    target: &CallTarget<'_>,
    request_spec: RequestSpec<Req>,
    response_spec: ResponseSpec<Res>,
    request: Req,
) -> Request<Res, E> {
    let kind = request_spec.kind(&response_spec);
    let method = Arc::clone(target.method.info(target.service, kind));
    Request::with_body(target.client.clone(), method, request_spec.body(request))
}
