//! Delivers a call after its wraps: to a handler of this process, or to a node in one or more
//! attempts.

mod attempts;
mod discovery;
mod error_context;
mod open_stream;

use std::sync::Arc;

use tokio::time::Instant;

use crate::attempt::attempts::{Attempts, RequestBody};
use crate::client_state::{CachedMethod, ClientState};
use crate::connection::{Framing, RequestHead};
use crate::local;
use crate::options::{Limit, Options};
use crate::stream_timer::{KeepAlive, StreamLifetime};
use micro_core::context::Context;
use micro_core::handler::{BoxFuture, Call, Endpoint, Kind, MethodInfo, Response};
use micro_message::error::Result;

/// Endpoint of the client's wraps: delivers one call.
pub(super) struct ClientEndpoint {
    core: Arc<ClientState>,
    method: Arc<CachedMethod>,
    options: Options,
    keep_alive: KeepAlive,
}

impl Endpoint for ClientEndpoint {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Response>> {
        Box::pin(self.deliver(call))
    }
}

impl ClientEndpoint {
    /// Creates the endpoint of a call. `keep_alive` keeps the client alive for a streaming call.
    pub(super) fn new(
        core: Arc<ClientState>,
        method: Arc<CachedMethod>,
        options: Options,
        keep_alive: KeepAlive,
    ) -> Self {
        Self {
            core,
            method,
            options,
            keep_alive,
        }
    }

    /// Returns the deadline and the idle timeout of a call's streams.
    fn life(&self, context: &Context) -> StreamLifetime {
        let limit = context.deadline().map(|at| match self.options.limit {
            Some(limit) if limit.at == at => limit,
            _ => Limit::until(at),
        });
        StreamLifetime::new(limit, self.options.idle, self.keep_alive.clone())
    }

    /// Runs the call through its wraps and delivers it.
    pub(super) async fn send(&self, call: Call) -> Result<Response> {
        if self.method.chain.is_empty() {
            self.deliver(call).await
        } else {
            self.method.chain.run(call, self).await
        }
    }

    async fn deliver(&self, call: Call) -> Result<Response> {
        if let Some(router) = local::router(&self.core, &call, &self.options) {
            let route = router.get(&call.method().path);
            let route = route.expect("looked up before");
            if call.method().kind == Kind::Unary {
                return local::run(&self.core, route, call).await;
            }
            let life = self.life(call.context());
            let opens = self.waits(call.method(), &life);
            return local::stream(&self.core, route, call, &life, opens).await;
        }
        let life = self.life(call.context());
        let (context, info, body) = call.into_parts();
        let config = &self.core.config;
        let mut framing = Framing {
            codec: self.options.codec,
            limit: info
                .options
                .max_message_size
                .unwrap_or(config.max_message_size),
            compression: self.options.compression.unwrap_or(config.compression),
        };
        let requests = RequestBody::new(body, &mut framing)
            .map_err(|error| error.context(format_args!("`{}`", info.path)))?;
        let head = RequestHead::new(
            self.method.path.clone(),
            &framing,
            context.metadata(),
            config.max_metadata_size,
        )?;
        let attempts = Attempts {
            outgoing: self,
            info: &info,
            head,
            framing,
            requests,
            deadline: context.deadline(),
            limit: self.waits(&info, &life),
            life,
            started: Instant::now(),
        };
        attempts.run().await
    }

    /// Returns the time limit for the response, or for the stream to open.
    fn waits(&self, info: &MethodInfo, life: &StreamLifetime) -> Option<Limit> {
        let limit = life.limit();
        if info.kind == Kind::Unary {
            return limit;
        }
        let own = Limit::after(self.core.config.timeout, "the client's timeout");
        Limit::earlier(limit, own)
    }
}
