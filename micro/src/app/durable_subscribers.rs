//! Subscribers of durable streams: runs each delivery of `Events` within the subscriber's frame,
//! and records the outcome in the consumer group.
//!
//! The group implements order, sharing and redelivery. This module runs the deliveries and
//! acknowledges them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use micro_core::internal::spawn_in;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::running::abort;
use crate::broker;
use crate::broker::{Durable, Subscriber};
use crate::error::Result;
use crate::events::{Consumer, Delivery, Events, Options, PROTOBUF, Record, Start, check_names};
use micro_broker::internal::{AckKind, Attempt, BoundSubscriber, attempt};

/// Additional time for a delivery besides the handler's: the time to record the outcome.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after an error of the stream.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The running subscribers of durable streams. Dropping this ends them at once, and the deliveries
/// they hold are delivered again.
#[derive(Default)]
pub(super) struct DurableSubscribers {
    tasks: JoinSet<()>,
    /// Cancelled when the subscribers must not take further deliveries.
    leaving: CancellationToken,
}

/// Checks the names of a stream and its group, and returns the position at which a new group
/// begins.
///
/// # Errors
///
/// `InvalidArgument`, with the invalid name or position.
pub(super) fn check(subscriber: &Subscriber, durable: &Durable) -> Result<Start> {
    check_names(durable.stream, group(subscriber, durable))?;
    durable.from.map_or(Ok(Start::default()), str::parse)
}

fn group(subscriber: &Subscriber, durable: &Durable) -> &'static str {
    durable.group.unwrap_or(subscriber.name)
}

impl DurableSubscribers {
    /// Starts the listeners that read a stream.
    ///
    /// # Errors
    ///
    /// The error of the events, for example if another process uses their directory.
    pub(super) async fn start(listeners: &[Arc<BoundSubscriber>], events: &Events) -> Result<Self> {
        let mut streams = Self::default();
        for listener in listeners {
            let Some(durable) = &listener.subscriber.durable else {
                continue;
            };
            let consumer = consume(&listener.subscriber, durable, events).await?;
            let leaving = streams.leaving.clone();
            let listener = Arc::clone(listener);
            spawn_in(&mut streams.tasks, work(listener, consumer, leaving));
        }
        Ok(streams)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Takes no further deliveries. Deliveries in progress continue.
    pub(super) fn leave(&self) {
        self.leaving.cancel();
    }

    /// Finishes the deliveries in progress within `grace`. The others are delivered again later.
    pub(super) async fn stop(mut self, grace: Duration) {
        self.leave();
        let ended = timeout(grace, async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a subscriber of a stream was lost");
                }
            }
        });
        if ended.await.is_err() {
            tracing::warn!(?grace, "events of streams cut at the end of the drain");
        }
        abort(&mut self.tasks, "subscribers of streams").await;
    }
}

async fn consume(subscriber: &Subscriber, durable: &Durable, events: &Events) -> Result<Consumer> {
    let wanted = &subscriber.options;
    let wait = match wanted.ack {
        broker::Ack::Auto => wanted.timeout,
        broker::Ack::Manual => wanted.timeout.saturating_add(wanted.ack_wait),
    };
    let mut options = Options::new()
        .with_start(check(subscriber, durable)?)
        .with_ack_wait(wait.saturating_add(ACK_TIMEOUT))
        .with_retries(wanted.retries)
        .with_in_flight(wanted.concurrency);
    options.dead_letter.clone_from(&wanted.dead_letter);
    let group = group(subscriber, durable);
    let consumed = events.consume(durable.stream, group, options).await;
    consumed.map_err(|error| error.context(format!("subscriber `{}`", subscriber.name)))
}

/// Handles deliveries concurrently, up to the consumer's limit, until `leaving` is cancelled.
async fn work(listener: Arc<BoundSubscriber>, mut consumer: Consumer, leaving: CancellationToken) {
    let mut handling = JoinSet::new();
    let name = listener.subscriber.name;
    loop {
        let next = tokio::select! {
            () = leaving.cancelled() => break,
            Some(ended) = handling.join_next() => {
                note(name, ended);
                continue;
            }
            next = consumer.next() => next,
        };
        match next {
            Some(Ok(delivery)) => {
                spawn_in(&mut handling, handle(Arc::clone(&listener), delivery));
            }
            Some(Err(error)) => {
                tracing::error!(subscriber = name, %error, "the stream cannot be read just now");
                tokio::select! {
                    () = leaving.cancelled() => break,
                    () = sleep(RETRY_INTERVAL) => {}
                }
            }
            None => {
                tracing::error!(subscriber = name, "the stream has ended");
                break;
            }
        }
    }
    while let Some(ended) = handling.join_next().await {
        note(name, ended);
    }
}

fn note(subscriber: &str, ended: std::result::Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(subscriber, %error, "a delivery was lost; it comes again");
    }
}

async fn handle(listener: Arc<BoundSubscriber>, delivery: Delivery) {
    let subscriber = &listener.subscriber;
    let event = event_of(delivery.record());
    let number = delivery.attempt();
    let Attempt { verdict, is_logged } = match event {
        Ok(event) => {
            let run = Arc::clone(&listener).run();
            attempt(&run, &subscriber.options, &Arc::new(event), number).await
        }
        Err(error) => Attempt {
            verdict: AckKind::DeadLetter(error.chain()),
            is_logged: false,
        },
    };
    let offset = delivery.record().offset;
    let settled = match verdict {
        AckKind::Ack => delivery.ack().await,
        AckKind::Nack { after, reason } => {
            let subscriber = subscriber.name;
            let reason = (!is_logged).then_some(reason);
            tracing::warn!(
                subscriber,
                offset,
                number,
                pause = ?after,
                reason,
                "to be tried again"
            );
            delivery.nack(after).await
        }
        AckKind::DeadLetter(reason) => delivery.dead_letter(reason).await,
    };
    if let Err(error) = settled {
        tracing::error!(subscriber = subscriber.name, offset, %error, "the event comes again");
    }
}

/// Converts a record to an event as subscribers receive it.
fn event_of(record: &Record) -> Result<broker::Event> {
    let kept = &record.event;
    // The same default as in `Record::decode`.
    let kind = match &*kept.content_type {
        "" => PROTOBUF,
        kind => kind,
    };
    let mut event = broker::Event::raw(&record.topic, kind, kept.payload.clone())?;
    let place = || format!("{}-{}", record.topic, record.offset);
    event.id = kept.id.clone().unwrap_or_else(place);
    event.key.clone_from(&kept.key);
    event.metadata = kept.metadata.clone();
    event.time = record.time;
    Ok(event)
}

impl fmt::Debug for DurableSubscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Streams({})", self.tasks.len())
    }
}
