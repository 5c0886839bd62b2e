//! Work that is done while responses are awaited, and work that is not.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures_core::Stream;
use tokio::runtime;
use tokio::sync::oneshot;

use super::peer::{IncomingResponses, Peer, framed, head};
use super::streams::{echo_lazily, talk};
use super::*;
use micro_core::handler::Streaming;

/// Starts a peer on its own thread, which runs until the returned sender is dropped.
fn elsewhere<F>(
    script: impl Fn(IncomingResponses) -> F + Send + Sync + 'static,
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
async fn who_takes_many_replies_sends_requests_without_another_task() {
    let (told, heard) = mpsc::channel();
    let (address, _stop) = elsewhere(move |mut incoming: IncomingResponses| {
        let told = told.clone();
        async move {
            let two = Bytes::from(framed(b"said").repeat(2));
            let mut stream = incoming.respond.send_response(head(&[]), false).unwrap();
            stream.send_data(two.clone(), false).unwrap();
            while let Some(Ok(chunk)) = incoming.body.data().await {
                told.send(chunk).unwrap_or_default();
                stream.send_data(two.clone(), false).unwrap();
            }
        }
    });
    let client = Client::builder().build();
    let (sender, mut replies) = talk(&client, &address, 1).await;
    for said in ["a", "b", "c"] {
        for _ in 0..2 {
            assert_eq!(replies.next().await.unwrap().unwrap(), text("said"));
        }
        // From here on this thread runs nothing else, so a request can leave only within the poll.
        sender.send(text(said)).await.unwrap();
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut replies).poll_next(cx))).await;
        assert!(polled.is_pending());
        let chunk = heard.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(chunk, framed(said.as_bytes()));
    }
}

/// Sends without end, as far as the flow-control windows allow.
async fn flow(mut incoming: IncomingResponses) {
    let piece = Bytes::from(framed(&[b'a'; LENGTH]).repeat(16));
    let mut stream = incoming.respond.send_response(head(&[]), false).unwrap();
    loop {
        stream.reserve_capacity(piece.len());
        match poll_fn(|cx| stream.poll_capacity(cx)).await {
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
    // Two windows of a stream: the buffered messages, and those that arrive in the meantime.
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
            // Reads more slowly than the peer sends, so that there is always more.
            if taken % 16 == 0 {
                thread::sleep(Duration::from_micros(20));
            }
        }
        assert!(taken <= MOST, "{taken}");
    }
}

thread_local! {
    /// Whether this thread is reading responses, possibly holding a lock that the requests need.
    static READS: Cell<bool> = const { Cell::new(false) };
}

/// A user-defined stream that yields as many requests as it is allowed to.
#[derive(Clone, Default)]
struct Own(Arc<Mutex<(u8, Option<Waker>)>>);

impl Own {
    fn allow(&self, more: u8) {
        let mut inner = self.0.lock().unwrap();
        inner.0 += more;
        if let Some(task) = inner.1.take() {
            task.wake();
        }
    }
}

impl Stream for Own {
    type Item = Text;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Text>> {
        assert!(!READS.get(), "asked for by who reads");
        let mut inner = self.0.lock().unwrap();
        let Some(left) = inner.0.checked_sub(1) else {
            inner.1 = Some(cx.waker().clone());
            return Poll::Pending;
        };
        inner.0 = left;
        Poll::Ready(Some(text("said")))
    }
}

#[tokio::test]
async fn code_of_users_does_not_run_within_the_poll_of_who_reads() {
    let (peer, client) = (Peer::scripted(echo_lazily).await, Client::builder().build());
    let own = Own::default();
    own.allow(2);
    let requests = Streaming::new(own.clone());
    let call = client.bidirectional::<Text>(&method(Kind::Bidirectional), requests);
    let mut replies = call.address(peer.address()).await.unwrap();
    for taken in 1..=8 {
        let reply = poll_fn(|cx| {
            READS.set(true);
            let polled = Pin::new(&mut replies).poll_next(cx);
            READS.set(false);
            polled
        });
        assert_eq!(reply.await.unwrap().unwrap(), text("said"));
        if taken % 2 == 0 {
            // The task that sends does not run before the next responses are polled.
            own.allow(2);
        }
    }
}
