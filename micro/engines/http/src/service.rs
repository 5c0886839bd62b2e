//! The service through which the events of other processes come in.
//!
//! It registers nowhere and no wrap surrounds it: the events that come in this way have wraps of
//! their own.

use micro_core::handler::{
    Body, BoxFuture, Kind, Method, Parts, Payload, Response, Served, ServiceInfo, Streaming,
};
use micro_message::codec::Message;
use micro_message::error::{Error, Result};

use crate::ingress::Ingress;
use crate::wire::{Batch, DeliveryReport, MAX_MESSAGE, SERVICE};

/// The service and its methods.
pub(crate) fn served(door: &Ingress) -> Served {
    let info = ServiceInfo::new("micro.http.broker", SERVICE)
        .doc("Takes events from the brokers of other programs; not to be called by hand.");
    Served::new(info)
        .method(deliver(door.clone()))
        .method(receive(door.clone()))
}

/// Between two of ours: batches of events in, acknowledgements out.
fn deliver(door: Ingress) -> Method {
    let serve = move |_: Parts, batches: Streaming<Batch>| {
        let door = door.clone();
        async move {
            Ok(Streaming::make(|out| async move {
                let send = |report: DeliveryReport| out.send(report);
                door.serve(batches, send).await
            }))
        }
    };
    // Not the limit of the app's own messages: publishers do not know it.
    Method::bidirectional("Deliver", serve)
        .max_message_size(MAX_MESSAGE)
        .doc("Batches of events come in; for each event goes out what became of it.")
}

/// Events as Go Micro posts them; the server names the subscriber in the metadata.
fn receive(door: Ingress) -> Method {
    let describe = <() as Message>::describe;
    let run = move |parts: Parts, body: Body| -> BoxFuture<'static, Result<Response>> {
        let door = door.clone();
        Box::pin(async move {
            let Payload::Encoded { bytes, .. } = body.into_one()? else {
                return Err(Error::invalid_argument("an event is posted as JSON"));
            };
            let metadata = parts.context().metadata();
            let subscriber = metadata.get("micro-subscriber").unwrap_or_default();
            door.receive(subscriber, &bytes).await?;
            Ok(Response::new(()))
        })
    };
    Method::raw("Receive", Kind::Unary, (describe, describe), run)
        .doc("Takes one event as Go Micro posts it, for the subscriber that the metadata names.")
}
