//! One attempt at one node: a connection, a free stream, and of a unary call the rest as well.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use crate::attempt::{Attempts, Node, Requests, Stop};
use crate::connection::{Connection, Limits};
use crate::deadline::{Timer, limit};
use crate::failure::{Failure, Reach};
use crate::link::Link;
use micro_core::handler::Reply;
use micro_message::error::Error;

/// Decoding may take this many times the longest message: values are larger than their bytes.
const MEMORY: usize = 4;

impl Attempts<'_> {
    /// A connection to a node.
    pub(super) async fn connected(
        &self,
        node: &Node,
        others: bool,
        timer: &mut Timer<'_>,
    ) -> Result<Arc<Connection>, Stop> {
        if tracing::enabled!(tracing::Level::DEBUG) {
            tracing::Span::current().record("node", &*node.node().id);
        }
        let link = node.value();
        let connection = match link.open() {
            Some(connection) => connection,
            None => {
                let patience = others.then_some(self.outgoing.core.config.patience);
                let connected = limit(timer, connecting(link, patience)).await;
                connected.map_err(|_| Stop::Late("no connection"))??
            }
        };
        if !connection.is_taken() {
            return Ok(connection);
        }
        // In a box of its own: few futures need room for it.
        let wider = limit(timer, Box::pin(link.wider(connection))).await;
        wider.map_err(|_| Stop::Late("no connection"))
    }

    /// The head of a request, with the time that is left.
    pub(super) fn request(&self, connection: &Connection) -> Result<http::Request<()>, Stop> {
        let left = self
            .deadline
            .map(|at| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Stop::Late("nothing sent"));
        }
        Ok(self.head.request(connection.authority(), left))
    }

    /// The one request of the call.
    pub(super) fn one(&self) -> Result<&Bytes, Stop> {
        match &self.requests {
            Requests::One(frame) => Ok(frame),
            Requests::Many(_) => Err(Stop::Own(Error::invalid_argument(
                "the call has a stream of requests, the method takes one",
            ))),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        let message = self.framing.limit;
        Limits {
            codec: self.framing.codec,
            message,
            memory: message.saturating_mul(MEMORY),
        }
    }

    /// One attempt at one node, of a unary call.
    pub(super) async fn once(
        &self,
        node: &Node,
        others: bool,
        timer: &mut Timer<'_>,
    ) -> Result<Reply, Stop> {
        let frame = self.one()?;
        let link = node.value();
        let connection = self.connected(node, others, timer).await?;
        let entered = limit(timer, connection.enter()).await;
        let _slot = entered.map_err(|_| Stop::Late("no free stream"))??;
        let request = self.request(&connection)?;
        let response = connection.send(request, frame.clone());
        let response = response.inspect_err(|_| link.forget(&connection))?;
        let mut receive = pin!(connection.receive(response, self.limits()));
        let Ok(reply) = limit(timer, receive.as_mut()).await else {
            connection.suspect();
            return Err(Stop::Late("no reply"));
        };
        reply.map_err(|failure| {
            // A peer that leaves takes no more calls.
            if matches!(failure.reach, Reach::Unprocessed | Reach::Unsent) {
                link.forget(&connection);
            }
            Stop::Failed(failure)
        })
    }
}

async fn connecting(
    link: &Arc<Link>,
    patience: Option<Duration>,
) -> Result<Arc<Connection>, Failure> {
    let Some(patience) = patience else {
        return link.connection().await;
    };
    let connected = timeout(patience, link.connection()).await;
    connected.unwrap_or_else(|_| {
        Err(Failure::unsent(format!(
            "no connection within {patience:?}"
        )))
    })
}
