//! Where a call goes after its wraps: to a handler of this process, or to a node, in one or more
//! attempts.

mod attempts;
mod live;
mod place;

use std::sync::Arc;

use tokio::time::Instant;

use crate::attempt::attempts::{Attempts, Requests};
use crate::clock::{Keep, Life};
use crate::connection::{Framing, Head};
use crate::core::{Core, Method};
use crate::local;
use crate::options::{Limit, Options};
use micro_core::context::Context;
use micro_core::handler::{BoxFuture, Call, Endpoint, Kind, MethodInfo, Response};
use micro_message::error::Result;

/// Where a call goes after its wraps.
pub(super) struct Outgoing {
    core: Arc<Core>,
    method: Arc<Method>,
    options: Options,
    keep: Keep,
}

impl Endpoint for Outgoing {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Response>> {
        Box::pin(self.deliver(call))
    }
}

impl Outgoing {
    /// A streaming call keeps something alive: the client.
    pub(super) fn new(core: Arc<Core>, method: Arc<Method>, options: Options, keep: Keep) -> Self {
        Self {
            core,
            method,
            options,
            keep,
        }
    }

    /// How long the streams of a call may live.
    fn life(&self, context: &Context) -> Life {
        let limit = context.deadline().map(|at| match self.options.limit {
            Some(limit) if limit.at == at => limit,
            _ => Limit::until(at),
        });
        Life::new(limit, self.options.idle, self.keep.clone())
    }

    /// Through the wraps and on.
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
            limit: info.options.message_limit.unwrap_or(config.message_limit),
            compression: self.options.compression.unwrap_or(config.compression),
        };
        let requests = Requests::new(body, &mut framing)
            .map_err(|error| error.context(format_args!("`{}`", info.path)))?;
        let head = Head::new(
            self.method.path.clone(),
            &framing,
            context.metadata(),
            config.metadata_limit,
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

    /// How long to wait for a reply, or for a stream to open.
    fn waits(&self, info: &MethodInfo, life: &Life) -> Option<Limit> {
        let limit = life.limit();
        if info.kind == Kind::Unary {
            return limit;
        }
        let own = Limit::after(self.core.config.timeout, "the client's timeout");
        Limit::earlier(limit, own)
    }
}
