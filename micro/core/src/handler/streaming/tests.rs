//! Tests of the stream types.

use bytes::Bytes;

use super::*;
use micro_message::codec::Codec;
use micro_message::error::ErrorKind;

#[micro::message]
#[derive(Debug, PartialEq)]
struct Number {
    value: u32,
}

async fn read(mut stream: Streaming<Number>) -> (Vec<u32>, Option<Error>) {
    let mut values = Vec::new();
    while let Some(next) = stream.next().await {
        match next {
            Ok(number) => values.push(number.value),
            Err(error) => return (values, Some(error)),
        }
    }
    (values, None)
}

#[tokio::test]
async fn a_made_stream_yields_what_was_sent_and_then_the_error() {
    let stream = Streaming::make(|out| async move {
        for value in 0..5 {
            out.send(Number { value }).await?;
        }
        Err(Error::data_loss("no more"))
    });
    let (values, error) = read(stream).await;
    assert_eq!(values, [0, 1, 2, 3, 4]);
    assert_eq!(error.unwrap().kind(), ErrorKind::DataLoss);
}

#[tokio::test]
async fn a_made_stream_that_panics_yields_what_was_sent_before() {
    let mut stream = Streaming::make(|out| async move {
        out.send(Number { value: 1 }).await?;
        panic!("no more")
    });
    assert_eq!(stream.next().await.unwrap().unwrap().value, 1);
    let next = tokio::spawn(async move { stream.next().await.is_none() });
    assert!(next.await.unwrap_err().is_panic());
}

#[tokio::test]
async fn a_made_stream_that_keeps_its_sender_elsewhere_goes_on_until_that_is_dropped() {
    let (hand, take) = tokio::sync::oneshot::channel();
    let stream = Streaming::make(|out| async move {
        assert!(hand.send(out).is_ok());
        Ok(())
    });
    let sending = async {
        let out: Sender<Number> = take.await.unwrap();
        out.send(Number { value: 1 }).await.unwrap();
        out.send(Number { value: 2 }).await.unwrap();
    };
    let ((values, error), ()) = tokio::join!(read(stream), sending);
    assert_eq!((values, error.is_none()), (vec![1, 2], true));
}

#[tokio::test]
async fn a_full_channel_holds_its_sender_back_and_a_dropped_one_tells_it() {
    let (sender, stream) = Streaming::channel(2);
    for value in 0..2 {
        sender.send(Number { value }).await.unwrap();
    }
    let mut third = Box::pin(sender.send(Number { value: 2 }));
    assert!(poll_fn(|cx| Poll::Ready(third.as_mut().poll(cx).is_pending())).await);
    drop(third);
    drop(stream);
    let error = sender.send(Number { value: 3 }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn what_came_from_elsewhere_is_read_before_it_goes_on() {
    let bytes = |bytes: &'static [u8]| Payload::Encoded {
        codec: Codec::Protobuf,
        bytes: Bytes::from_static(bytes),
        memory: 1000,
    };
    let mut came = [bytes(&[8, 7]), bytes(&[8, 0x80]), bytes(&[8, 9])].into_iter();
    let came = std::iter::from_fn(move || came.next().map(Ok));
    let stream = Streaming::<Number>::from_payloads(PayloadStream::new(Ready(came)));
    let metadata = stream.metadata.clone();
    let mut sent = stream.into_payloads();
    let first = sent.next().await.unwrap().unwrap();
    assert_eq!(first.into_message::<Number>().unwrap().value, 7);
    let error = sent.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(sent.next().await.is_none());
    metadata.set_trailing(Metadata::new());
    assert!(sent.metadata().trailing().is_some());
}

/// A stream of an iterator's items, always ready.
struct Ready<I>(I);

impl<I: Iterator + Unpin> Stream for Ready<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

#[tokio::test]
async fn nothing_follows_an_error() {
    let (sender, mut stream) = Streaming::<Number>::channel(4);
    sender.fail(Error::aborted("stop")).await.unwrap();
    sender.send(Number { value: 1 }).await.unwrap();
    assert!(stream.next().await.unwrap().is_err());
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn who_never_waits_for_a_channel_gives_way_all_the_same() {
    const MOST: usize = 3_000;
    let (sender, mut stream) = Streaming::channel(2 * MOST);
    let other = tokio::spawn(async {});
    let mut sent = 0;
    while !other.is_finished() {
        sender.send(Number { value: 1 }).await.unwrap();
        sent += 1;
    }
    assert!(sent <= MOST, "{sent}");
    while sent < 2 * MOST {
        sender.send(Number { value: 1 }).await.unwrap();
        sent += 1;
    }
    let other = tokio::spawn(async {});
    let mut taken = 0;
    while !other.is_finished() {
        stream.next().await.unwrap().unwrap();
        taken += 1;
    }
    assert!(taken <= MOST, "{taken}");
}
