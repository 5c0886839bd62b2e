//! Streams by signature: four kinds of call, three forms of method, in process and over the
//! network.

mod forms;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use micro::app::Running;
use micro::client::Request;
use micro::prelude::*;
use micro::registry::{Memory, Registry};
use micro::testing::TestApp;
use micro::wrap::Wrap;

use self::forms::{
    Block, BlockClient, Breaking, ContractClient, Free, FreeClient, Implemented, Number, number,
};

/// Returns the values of a stream until its end or error.
async fn all(mut stream: Streaming<Number>) -> (Vec<u32>, Option<Error>) {
    let mut values = Vec::new();
    while let Some(next) = stream.next().await {
        match next {
            Ok(next) => values.push(next.value),
            Err(error) => return (values, Some(error)),
        }
    }
    (values, None)
}

/// A stream of requests that are all available at once.
async fn given(values: impl IntoIterator<Item = u32>) -> Streaming<Number> {
    let (out, stream) = Streaming::channel(8);
    for value in values {
        out.send(number(value)).await.unwrap();
    }
    stream
}

/// An app that serves all three forms on a port.
async fn app() -> (App, Running) {
    let registry = Registry::new(Memory::new());
    let builder = App::builder().registry(registry).linked_service::<Block>();
    let builder = builder.linked_service::<Implemented>();
    let app = builder.linked_service::<Free>().build().await.unwrap();
    let running = app.start().await.unwrap();
    (app, running)
}

/// Calls all four kinds of a client, directly and then over the network. The service adds `$base`,
/// and `$each` to each value of a stream.
macro_rules! four_kinds {
    ($client:expr, $base:literal, $each:literal) => {{
        four_kinds!(@ $client, $base, $each, std::convert::identity);
        four_kinds!(@ $client, $base, $each, Request::remote);
    }};
    (@ $client:expr, $base:literal, $each:literal, $how:path) => {{
        let client = $client;
        assert_eq!($how(client.one(number(1))).await?.value, 1 + $base);
        let (values, error) = all($how(client.many(number(3))).await?).await;
        assert_eq!(values, [1 + $base, 2 + $base, 3 + $base]);
        assert!(error.is_none());
        let (values, error) = all($how(client.many(number(4))).await?).await;
        assert_eq!((values.len(), error.unwrap().kind()), (3, ErrorKind::DataLoss));
        assert_eq!($how(client.sum(given([1, 2, 3]).await)).await?.value, 6 + $base);
        let (values, error) = all($how(client.each(given([1, 2]).await)).await?).await;
        assert_eq!(values, [1 + $each, 2 + $each]);
        assert!(error.is_none());
    }};
}

#[tokio::test]
async fn every_form_has_all_four_kinds_in_process_and_over_the_network() -> Result<()> {
    let (app, running) = app().await;
    let client = app.client();
    four_kinds!(BlockClient::new(client.clone()), 10, 10);
    four_kinds!(ContractClient::new(client.clone()), 20, 0);
    four_kinds!(FreeClient::new(client.clone()), 30, 30);
    running.stop().await;
    Ok(())
}

#[micro::test(services = [Block])]
async fn a_stream_may_come_without_result_and_without_request(client: BlockClient) -> Result<()> {
    assert_eq!(all(client.bare().await?).await.0, [1, 2]);
    assert_eq!(all(client.typed(number(3)).await?).await.0, [1, 2, 3]);
    Ok(())
}

#[micro::test(services = [Block])]
async fn an_error_before_the_stream_is_the_calls_error(client: BlockClient) -> Result<()> {
    let error = client.many(number(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    Ok(())
}

#[tokio::test]
async fn what_was_sent_before_a_panic_arrives() -> Result<()> {
    let (app, running) = app().await;
    let client = BlockClient::new(app.client().clone());
    let streams = [
        client.breaking(number(3)).await?,
        client.breaking(number(3)).remote().await?,
        client.breaking_typed(number(3)).await?,
        client.breaking_typed(number(3)).remote().await?,
    ];
    for stream in streams {
        let (values, error) = all(stream).await;
        let error = error.unwrap();
        assert_eq!((values, error.kind()), (vec![1, 2, 3], ErrorKind::Internal));
        assert!(!error.message().contains("secret"), "{error}");
    }
    let requests = Streaming::new(Breaking::new(3));
    let error = client.sum(requests).remote().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    running.stop().await;
    Ok(())
}

#[micro::test(services = [Block])]
async fn the_client_takes_any_stream_of_requests(client: BlockClient) -> Result<()> {
    let results = stream(|out| async move { out.send(number(1)).await });
    assert_eq!(client.sum(results).await?.value, 11);
    assert_eq!(client.sum(Plain(vec![2, 3])).await?.value, 15);
    Ok(())
}

/// A stream of messages without `Result`.
struct Plain(Vec<u32>);

impl Stream for Plain {
    type Item = Number;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Number>> {
        Poll::Ready(self.0.pop().map(number))
    }
}

#[tokio::test]
async fn a_stream_is_dropped_with_its_service_when_nobody_reads_it() -> Result<()> {
    let (app, running) = app().await;
    for remote in [false, true] {
        let client = BlockClient::new(app.client().clone());
        let request = client.endless();
        let mut numbers = if remote { request.remote() } else { request }.await?;
        assert_eq!(numbers.next().await.unwrap()?, number(1));
        assert_eq!(client.open().await?.value, 1);
        drop(numbers);
        within(async {
            while client.open().remote().await?.value > 0 {}
            Ok(())
        })
        .await?;
    }
    running.stop().await;
    Ok(())
}

#[micro::test(services = [Block])]
async fn a_stream_makes_only_what_is_read(client: BlockClient) -> Result<()> {
    let mut numbers = client.endless().await?;
    for value in 1..=3 {
        assert_eq!(numbers.next().await.unwrap()?, number(value));
    }
    // One value is produced ahead, because the channel between function and stream has a capacity
    // of one.
    assert!((3..=5).contains(&client.made().await?.value));
    Ok(())
}

struct Mapping;

impl Wrap for Mapping {
    async fn wrap<'a>(&'a self, call: Call, next: Next<'a>) -> Result<Response> {
        let call = call.map_requests(|one: Number| Ok(number(one.value + 100)))?;
        let reply = next.run(call).await?;
        reply.map_messages(|one: Number| Ok(number(one.value + 1000)))
    }
}

#[tokio::test]
async fn a_wrap_maps_what_passes_both_ways() -> Result<()> {
    let builder = TestApp::builder().linked_service::<Block>();
    let app = builder.wrap("mapping", Mapping).start().await?;
    let client = BlockClient::new(app.client());
    let (values, _) = all(client.each(given([1, 2]).await).await?).await;
    assert_eq!(values, [1111, 1112]);
    Ok(())
}

/// Fails a test instead of letting it hang.
async fn within(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::time::timeout(Duration::from_secs(30), work)
        .await
        .expect("it is over long before")
}
