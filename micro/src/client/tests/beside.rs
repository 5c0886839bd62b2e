//! What is done while replies are waited for, and what is not.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;

use futures_core::Stream;
use tokio::runtime;
use tokio::sync::oneshot;

use super::peer::{Incoming, Peer, answer, framed, head};
use super::streams::{echo_lazily, talk};
use super::*;
use crate::handler::Streaming;

/// A peer on a thread of its own that tells what it hears, until the other half is dropped.
fn elsewhere() -> (String, mpsc::Receiver<Bytes>, oneshot::Sender<()>) {
    let (told, heard) = mpsc::channel();
    let (found, address) = mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    thread::spawn(move || {
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(async {
            let peer = Peer::scripted(move |mut incoming: Incoming| {
                let told = told.clone();
                async move {
                    while let Some(Ok(chunk)) = incoming.body.data().await {
                        told.send(chunk).unwrap_or_default();
                    }
                    answer(incoming.respond, head(&[]), framed(b""), None);
                }
            });
            let peer = peer.await;
            found.send(peer.address()).unwrap();
            stopped.await.unwrap_or_default();
        });
    });
    (address.recv().unwrap(), heard, stop)
}

#[tokio::test]
async fn who_waits_for_replies_sends_requests_without_another_task() {
    let (address, heard, _stop) = elsewhere();
    let client = Client::builder().build();
    let (sender, mut replies) = talk(&client, &address, 1).await;
    // This thread runs nothing but this: whatever leaves, leaves within the poll.
    for said in ["a", "b", "c"] {
        sender.send(text(said)).await.unwrap();
        let polled = poll_fn(|task| Poll::Ready(Pin::new(&mut replies).poll_next(task))).await;
        assert!(polled.is_pending());
        let chunk = heard.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(chunk, framed(said.as_bytes()));
    }
}

thread_local! {
    /// Whether this thread reads replies, perhaps with a lock that the requests want.
    static READS: Cell<bool> = const { Cell::new(false) };
}

/// A user's own stream of three requests.
struct Own(u8);

impl Stream for Own {
    type Item = Text;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Text>> {
        assert!(!READS.get(), "asked for by who reads");
        self.0 += 1;
        match self.0 {
            // It is woken while nobody is there but the reader.
            1 | 3 | 5 => {
                let task = task.waker().clone();
                tokio::spawn(async move { task.wake() });
                Poll::Pending
            }
            2 | 4 | 6 => Poll::Ready(Some(text("said"))),
            _ => Poll::Ready(None),
        }
    }
}

#[tokio::test]
async fn code_of_users_does_not_run_within_the_poll_of_who_reads() {
    let (peer, client) = (Peer::scripted(echo_lazily).await, Client::builder().build());
    let requests = Streaming::new(Own(0));
    let call = client.bidirectional::<Text>(&method(Kind::Bidirectional), requests);
    let mut replies = call.address(peer.address()).await.unwrap();
    for _ in 0..3 {
        let reply = poll_fn(|task| {
            READS.set(true);
            let polled = Pin::new(&mut replies).poll_next(task);
            READS.set(false);
            polled
        });
        assert_eq!(reply.await.unwrap().unwrap(), text("said"));
    }
}
