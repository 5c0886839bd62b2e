//! Peers that cancel a call at its deadline, before the client's own timer fires.
//!
//! The clock moves only when a test advances it.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Waker};

use h2::Reason;
use tokio::time::advance;

use super::peer::{Held, IncomingResponses, Peer, fields, framed, head, refuse};
use super::*;
use micro_core::handler::Streaming;
use micro_message::error::{Error, ErrorKind};

/// Timeout of each call.
const SECOND: Duration = Duration::from_secs(1);
const SHORTLY_BEFORE: Duration = Duration::from_millis(998);
const LONG_BEFORE: Duration = Duration::from_millis(950);

/// Keeps a paused clock from advancing by itself, for at most ten real seconds: tokio's clock
/// stands still while a blocking task runs.
struct Frozen(#[expect(dead_code, reason = "dropped to let go")] mpsc::Sender<()>);

impl Frozen {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || receiver.recv_timeout(Duration::from_secs(10)));
        Self(sender)
    }
}

/// How a peer cancels a call.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// With a reset, before or after the head of the response.
    Reset(Reason),
    Torn(Reason),
    /// With a status, as the whole response or in trailers.
    Status,
    Trailers,
}

const CANCELLED: &[(&str, &str)] = &[("grpc-status", "1"), ("grpc-message", "context canceled")];

/// Starts a peer that holds every call, then advances the clock and cancels the call.
async fn peer(way: Way, later: Duration, held: &Held) -> Peer {
    let held = held.clone();
    Peer::scripted(move |mut incoming: IncomingResponses| {
        let held = held.clone();
        async move {
            let mut stream = match way {
                Way::Torn(_) | Way::Trailers => {
                    let mut begun = incoming.respond.send_response(head(&[]), false).unwrap();
                    begun.send_data(framed(b"a"), false).unwrap();
                    Some(begun)
                }
                Way::Reset(_) | Way::Status => None,
            };
            held.wait().await;
            // Polled once: the clock has advanced, but no timer has noticed yet.
            let mut nobody = Context::from_waker(Waker::noop());
            assert!(pin!(advance(later)).poll(&mut nobody).is_pending());
            match (way, &mut stream) {
                (Way::Torn(reason), Some(stream)) => stream.send_reset(reason),
                (Way::Trailers, Some(stream)) => stream.send_trailers(fields(CANCELLED)).unwrap(),
                (Way::Reset(reason), _) => incoming.respond.send_reset(reason),
                _ => refuse(incoming.respond, CANCELLED),
            }
        }
    })
    .await
}

/// Returns the error of a call with a timeout of one second that the peer cancels after `later`.
async fn ended(kind: Kind, way: Way, later: Duration) -> Error {
    let held = Held::default();
    let peer = peer(way, later, &held).await;
    let client = Client::builder().build();
    let address = peer.address();
    let call = async {
        let method = method(kind);
        match kind {
            Kind::Unary => {
                let call = client.call::<Text>(&method, text("Ada"));
                call.address(address).timeout(SECOND).await.unwrap_err()
            }
            Kind::ServerStream => {
                let call = client.server_stream::<Text>(&method, text("Ada"));
                last(call.address(address).timeout(SECOND).await).await
            }
            Kind::ClientStream => {
                let (_sender, requests) = Streaming::<Text>::channel(1);
                let call = client.client_stream::<Text>(&method, requests);
                call.address(address).timeout(SECOND).await.unwrap_err()
            }
            Kind::Bidirectional => {
                let (_sender, requests) = Streaming::<Text>::channel(1);
                let call = client.bidirectional::<Text>(&method, requests);
                last(call.address(address).timeout(SECOND).await).await
            }
        }
    };
    let giving_up = async {
        while held.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        // Let the client read what has arrived of the response.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        held.release();
    };
    tokio::join!(call, giving_up).0
}

async fn last(opened: Result<Streaming<Text>>) -> Error {
    let mut heard = match opened {
        Ok(heard) => heard,
        Err(error) => return error,
    };
    loop {
        if let Err(error) = heard.next().await.expect("it ends with an error") {
            return error;
        }
    }
}

const KINDS: [Kind; 4] = [
    Kind::Unary,
    Kind::ServerStream,
    Kind::ClientStream,
    Kind::Bidirectional,
];

#[tokio::test(start_paused = true)]
async fn reset_at_the_deadline_is_the_deadline() {
    let _frozen = Frozen::new();
    for kind in KINDS {
        for way in [Way::Reset(Reason::CANCEL), Way::Torn(Reason::CANCEL)] {
            for later in [SHORTLY_BEFORE, SECOND] {
                let error = ended(kind, way, later).await;
                let told = (error.kind(), error.message().contains("within 1s"));
                let expected = (ErrorKind::DeadlineExceeded, true);
                assert_eq!(told, expected, "{kind:?} {way:?} {later:?}: {error}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn reset_before_the_deadline_or_for_another_reason_is_what_it_says() {
    let _frozen = Frozen::new();
    for kind in KINDS {
        for way in [Way::Reset, Way::Torn] {
            let error = ended(kind, way(Reason::CANCEL), LONG_BEFORE).await;
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{kind:?}: {error}");
            let error = ended(kind, way(Reason::INTERNAL_ERROR), SHORTLY_BEFORE).await;
            assert_eq!(error.kind(), ErrorKind::Internal, "{kind:?}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn service_that_says_cancelled_in_time_has_its_word() {
    let _frozen = Frozen::new();
    for kind in KINDS {
        for way in [Way::Status, Way::Trailers] {
            let error = ended(kind, way, SHORTLY_BEFORE).await;
            let told = (error.kind(), error.message());
            let expected = (ErrorKind::Cancelled, "context canceled");
            assert_eq!(told, expected, "{kind:?} {way:?}");
        }
    }
}
