//! A single attempt to handle an event, and its verdict.

use std::sync::Arc;

use tokio::sync::oneshot::error::TryRecvError;
use tokio::time::{Instant, timeout};

use crate::delivery::{AckKind, Delivery, HandlerFn};
use crate::options::{Ack, Options};
use crate::record::Event;
use micro_core::context::{Caller, Context};
use micro_core::internal::{EventAttempt, EventEntry, deadline_after, run_guarded};
use micro_message::error::Error;

/// The end of an attempt.
#[derive(Debug)]
pub struct Attempt {
    /// What happens to the event next.
    pub verdict: AckKind,
    /// Whether the access log has the handler's error, so that the reason need not be logged again.
    pub is_logged: bool,
}

/// Runs a subscriber's handler once and returns the verdict.
///
/// A verdict given through the [`Delivery`] takes precedence over the handler's result. The last
/// attempt that the options allow never returns [`AckKind::Nack`]: it returns
/// [`AckKind::DeadLetter`] instead.
///
/// `tries` is the number of this attempt, from 1, among those that count against the retries. The
/// attempt number in the [`Delivery`] also includes attempts by other members of the queue.
pub async fn attempt(
    run: &HandlerFn,
    options: &Options,
    event: &Arc<Event>,
    tries: u32,
) -> Attempt {
    let number = tries.saturating_add(event.redelivered);
    let (delivery, mut word) = Delivery::new(Arc::clone(event), number);
    let started = Instant::now();
    let context = Context::new()
        .with_caller(Caller::new(None, "event"))
        .with_metadata(event.metadata.clone())
        .with_started(started)
        .with_deadline(deadline_after(started, options.timeout));
    let guard = context.guard();
    let limit = options.timeout;
    let late = || Error::deadline_exceeded(format!("the handler did not finish within {limit:?}"));
    let start = || run(delivery, context.clone());
    let panicked = || {
        context.set_logged();
        Error::internal("the handler panicked")
    };
    let result = run_guarded(&context, start, panicked, late).await;
    drop(guard);
    let attempt = EventAttempt {
        mode: options.access_log,
        service: options.service,
        subscriber: &options.name,
        event: EventEntry {
            topic: &event.topic,
            id: &event.id,
            attempt: number,
        },
        bytes: event.body.len(),
    };
    let is_logged = attempt.log(&context, result.as_ref().copied());
    let nack = |reason| AckKind::Nack {
        after: options.pause(tries),
        reason,
    };
    let dropped = || nack("its delivery was dropped without a word".to_owned());
    let verdict = match (word.try_recv(), result) {
        (Ok(verdict), _) => verdict,
        (Err(_), Err(error)) => nack(error.chain()),
        (Err(_), Ok(())) if options.ack == Ack::Auto => AckKind::Ack,
        (Err(TryRecvError::Closed), Ok(())) => dropped(),
        (Err(TryRecvError::Empty), Ok(())) => match timeout(options.ack_wait, word).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) => dropped(),
            Err(_) => {
                let wait = options.ack_wait;
                nack(format!("not acknowledged within {wait:?} (`ack_wait`)"))
            }
        },
    };
    let verdict = match verdict {
        AckKind::Nack { reason, .. } if tries > options.retries => AckKind::DeadLetter(reason),
        verdict => verdict,
    };
    Attempt { verdict, is_logged }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use micro_message::error::Result;

    /// Verdict on a handler that runs `act`, as attempt number `tries` with one retry allowed.
    async fn verdict(
        ack: Ack,
        tries: u32,
        act: impl Fn(&Delivery) -> Result<()> + Send + Sync + 'static,
    ) -> AckKind {
        let run: HandlerFn = Arc::new(move |delivery, _| {
            let result = act(&delivery);
            Box::pin(async move { result })
        });
        let options = Options::new().ack(ack).retries(1);
        let event = Event::raw("news", "text/plain", "x").unwrap();
        attempt(&run, &options, &Arc::new(event), tries)
            .await
            .verdict
    }

    fn failed(_: &Delivery) -> Result<()> {
        Err(Error::unavailable("not now"))
    }

    #[tokio::test]
    async fn error_is_a_nack_until_the_retries_are_used_up() {
        let first = verdict(Ack::Auto, 1, failed).await;
        let AckKind::Nack { after, reason } = first else {
            panic!("{first:?}");
        };
        assert_eq!(after, Options::new().pause(1));
        assert!(reason.contains("not now"), "{reason}");
        let last = verdict(Ack::Auto, 2, failed).await;
        assert!(
            matches!(&last, AckKind::DeadLetter(reason) if reason.contains("not now")),
            "{last:?}"
        );
    }

    #[tokio::test]
    async fn panic_is_a_nack_without_its_text() {
        let found = verdict(Ack::Auto, 1, |_| panic!("secret")).await;
        let AckKind::Nack { reason, .. } = found else {
            panic!("{found:?}");
        };
        assert!(reason.contains("the handler panicked"), "{reason}");
        assert!(!reason.contains("secret"), "{reason}");
    }

    #[tokio::test]
    async fn word_comes_before_the_result() {
        let said = |delivery: &Delivery| {
            delivery.nack(Duration::from_secs(7));
            Ok(())
        };
        let found = verdict(Ack::Auto, 1, said).await;
        assert!(
            matches!(&found, AckKind::Nack { after, .. } if after.as_secs() == 7),
            "{found:?}"
        );
        let said = |delivery: &Delivery| {
            delivery.ack();
            failed(delivery)
        };
        let found = verdict(Ack::Auto, 1, said).await;
        assert!(matches!(found, AckKind::Ack), "{found:?}");
    }

    #[tokio::test]
    async fn success_without_a_word_counts_only_where_acknowledgement_is_automatic() {
        let found = verdict(Ack::Auto, 1, |_| Ok(())).await;
        assert!(matches!(found, AckKind::Ack), "{found:?}");
        let found = verdict(Ack::Manual, 1, |_| Ok(())).await;
        assert!(
            matches!(&found, AckKind::Nack { reason, .. } if reason.contains("without a word")),
            "{found:?}"
        );
    }
}
