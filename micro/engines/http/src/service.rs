//! The service that receives the events of other processes.
//!
//! The service is not registered, and wraps do not apply to it. The subscribers have wraps of their
//! own, which apply to the received events.

use micro_core::handler::{
    Body, BoxFuture, Kind, Method, Parts, Payload, Response, Served, ServiceInfo, Streaming,
};
use micro_message::codec::Message;
use micro_message::error::{Error, Result};

use crate::ingress::Ingress;
use crate::wire::{Batch, DeliveryReport, MAX_MESSAGE, SERVICE};

/// Creates the service and its methods.
pub(crate) fn served(door: &Ingress) -> Served {
    let info = ServiceInfo::new("micro.http.broker", SERVICE)
        .doc("Takes events from the brokers of other programs; not to be called by hand.");
    Served::new(info)
        .method(deliver(door.clone()))
        .method(receive(door.clone()))
}

/// Method for micro programs: receives batches of events and returns delivery reports.
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
    // The app's own message size limit does not apply, because publishers do not know it.
    Method::bidirectional("Deliver", serve)
        .max_message_size(MAX_MESSAGE)
        .doc("Batches of events come in; for each event goes out what became of it.")
}

/// Method for Go Micro programs. The server passes the subscriber's id in the metadata.
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
