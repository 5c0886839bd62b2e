//! The broker's way in: methods that the server answers beside those of the services.
//!
//! They are no service of the app: they register nowhere and no wrap surrounds them. Events that
//! come in this way have their own.

use std::sync::Arc;

use crate::broker::{Batch, DOOR, Door, MESSAGE, Words};
use crate::error::{Error, Result};
use crate::handler::{
    BoxFuture, Instance, Kind, Method, Parts, Payload, Reply, Resources, Route, Router, Served,
    ServiceInfo, Streaming,
};

#[cfg(test)]
mod silent;
#[cfg(test)]
mod tests;

/// Adds the way in, if the broker has one.
pub(super) fn open(router: &mut Router, door: Option<&Door>, resources: &Resources) -> Result<()> {
    let Some(door) = door else { return Ok(()) };
    let info = ServiceInfo::new("micro.http.broker", DOOR)
        .doc("Takes events from the brokers of other programs; not to be called by hand.");
    let served = Served::new(info)
        .method(deliver(door.clone()))
        .method(receive(door.clone()));
    for method in served.iter() {
        let instance: Instance = Arc::new(());
        router.add(Route::new(info, method, instance, resources.clone()))?;
    }
    Ok(())
}

/// Between two of ours: batches of events in, words about them out.
fn deliver(door: Door) -> Method {
    let serve = move |_: Parts, batches: Streaming<Batch>| {
        let door = door.clone();
        async move {
            Ok(Streaming::make(|out| async move {
                let send = |words: Words| out.send(words);
                door.serve(batches, send).await
            }))
        }
    };
    // Not the limit of the app's own messages: publishers do not know it.
    Method::bidirectional("Deliver", serve)
        .message_limit(MESSAGE)
        .doc("Batches of events come in; for each event goes out what became of it.")
}

/// Events as Go Micro posts them; the server names the subscriber in the metadata.
fn receive(door: Door) -> Method {
    let describe = <() as crate::codec::Message>::describe;
    let run = move |parts: Parts, body: crate::handler::Body| -> BoxFuture<'static, _> {
        let door = door.clone();
        Box::pin(async move {
            let Payload::Encoded { bytes, .. } = body.into_one()? else {
                return Err(Error::invalid_argument("an event is posted as JSON"));
            };
            let metadata = parts.context().metadata();
            let subscriber = metadata.get("micro-subscriber").unwrap_or_default();
            door.receive(subscriber, &bytes).await?;
            Ok(Reply::new(()))
        })
    };
    Method::raw("Receive", Kind::Unary, (describe, describe), run)
        .doc("Takes one event as Go Micro posts it, for the subscriber that the metadata names.")
}
