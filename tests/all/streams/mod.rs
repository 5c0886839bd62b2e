//! Streams by signature: four kinds of call, three forms of method, in one process.

mod forms;

use micro::prelude::*;
use micro::testing::TestApp;

use self::forms::{
    Block, BlockClient, ContractClient, Free, FreeClient, Implemented, Number, number,
};

/// What a stream yields until its end or error.
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

/// A stream of requests, all there already.
async fn given(values: impl IntoIterator<Item = u32>) -> Streaming<Number> {
    let (out, stream) = Streaming::channel(8);
    for value in values {
        out.send(number(value)).await.unwrap();
    }
    stream
}

async fn app() -> TestApp {
    let builder = TestApp::builder().linked_service::<Block>();
    let builder = builder.linked_service::<Implemented>();
    builder.linked_service::<Free>().start().await.unwrap()
}

/// Calls all four kinds of a client whose service adds `$base`, and `$each` to each of a stream.
macro_rules! four_kinds {
    ($client:expr, $base:literal, $each:literal) => {{
        let client = $client;
        assert_eq!(client.one(number(1)).await?.value, 1 + $base);
        let (values, error) = all(client.many(number(3)).await?).await;
        assert_eq!(values, [1 + $base, 2 + $base, 3 + $base]);
        assert!(error.is_none());
        let (values, error) = all(client.many(number(4)).await?).await;
        assert_eq!(
            (values.len(), error.unwrap().kind()),
            (3, ErrorKind::DataLoss)
        );
        assert_eq!(client.sum(given([1, 2, 3]).await).await?.value, 6 + $base);
        let (values, error) = all(client.each(given([1, 2]).await).await?).await;
        assert_eq!(values, [1 + $each, 2 + $each]);
        assert!(error.is_none());
    }};
}

#[tokio::test]
async fn every_form_has_all_four_kinds() -> Result<()> {
    let app = app().await;
    four_kinds!(BlockClient::new(app.client()), 10, 10);
    four_kinds!(ContractClient::new(app.client()), 20, 0);
    four_kinds!(FreeClient::new(app.client()), 30, 30);
    app.stop().await;
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
