//! What is done while replies are waited for, and what is not.

use std::cell::Cell;
use std::future::{Future, poll_fn};
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

/// A peer on a thread of its own, until the other half is dropped.
fn elsewhere<F>(
    script: impl Fn(Incoming) -> F + Send + Sync + 'static,
) -> (String, oneshot::Sender<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (found, address) = mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    thread::spawn(move || {
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(async {
            let peer = Peer::scripted(script).await;
            found.send(peer.address()).unwrap();
            stopped.await.unwrap_or_default();
        });
    });
    (address.recv().unwrap(), stop)
}

#[tokio::test]
async fn who_waits_for_replies_sends_requests_without_another_task() {
    let (told, heard) = mpsc::channel();
    let (address, _stop) = elsewhere(move |mut incoming: Incoming| {
        let told = told.clone();
        async move {
            while let Some(Ok(chunk)) = incoming.body.data().await {
                told.send(chunk).unwrap_or_default();
            }
            answer(incoming.respond, head(&[]), framed(b""), None);
        }
    });
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

/// Sends without end what the windows let through.
async fn flow(mut incoming: Incoming) {
    let piece = Bytes::from(framed(&[b'a'; LENGTH]).repeat(16));
    let mut stream = incoming.respond.send_response(head(&[]), false).unwrap();
    loop {
        stream.reserve_capacity(piece.len());
        match poll_fn(|task| stream.poll_capacity(task)).await {
            Some(Ok(room)) if room >= piece.len() => {
                stream.send_data(piece.clone(), false).unwrap();
            }
            Some(Ok(_)) => tokio::task::yield_now().await,
            _ => return,
        }
    }
}

const LENGTH: usize = 1000;

#[tokio::test]
async fn who_reads_what_comes_without_end_lets_others_have_their_turn() {
    // A stream's window twice: what is there, and what comes meanwhile.
    const MOST: usize = 2 * 512 * 1024 / LENGTH;
    let (address, _stop) = elsewhere(flow);
    let client = Client::builder().build();
    let call = client.server_stream::<Text>(&method(Kind::ServerStream), text("Ada"));
    let mut replies = call.address(&*address).await.unwrap();
    for _ in 0..20 {
        let other = tokio::spawn(async {});
        let mut taken = 0;
        while !other.is_finished() {
            replies.next().await.unwrap().unwrap();
            taken += 1;
            // Slower than the peer, so that there is always more.
            if taken % 16 == 0 {
                thread::sleep(Duration::from_micros(20));
            }
        }
        assert!(taken <= MOST, "{taken}");
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
