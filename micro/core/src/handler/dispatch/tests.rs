//! Tests of the frame around handlers.

use tracing::Level;

use super::*;
use crate::handler::info::Kind;
use crate::handler::streaming::Streaming;
use crate::test_util::CapturedLog;
use micro_message::codec::Message;
use micro_message::error::ErrorKind;
use micro_message::metadata::Metadata;

#[micro::message]
#[derive(Debug, PartialEq)]
struct Number {
    value: u32,
}

const INFO: ServiceInfo = ServiceInfo::new("numbers", "numbers.Numbers");

fn route(method: &Method) -> Route {
    Route::new(INFO, method, Arc::new(()), Resources::new())
}

async fn run(route: &Route) -> Result<Response> {
    let body = Body::One(Payload::value(Number { value: 1 }));
    let call = Call::new(Context::new(), Arc::clone(&route.method), body);
    route.run(call).await
}

/// Panics before it returns a future.
struct Hasty;

impl Endpoint for Hasty {
    fn call(&self, _: Call) -> BoxFuture<'_, Result<Response>> {
        panic!("secret")
    }
}

#[tokio::test]
async fn panic_before_there_is_a_future_is_an_error() {
    let method = Method::unary("Hasty", |_: Arc<()>, _, number: Number| async {
        Ok(number)
    });
    let route = route(&method).map_endpoint(|_| Arc::new(Hasty));
    let error = run(&route).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(!error.message().contains("secret"), "{error}");
}

/// A stream of another call, with its metadata.
fn onward() -> PayloadStream {
    let mut given = Metadata::new();
    given.insert("whose", "theirs").unwrap();
    let metadata = StreamMetadata::default();
    metadata.set_leading(given.clone());
    metadata.set_trailing(given);
    let messages = Streaming::make(|out| async move { out.send(Number { value: 7 }).await });
    messages.into_payloads().with_metadata(metadata)
}

/// Reads a response to its end. Returns the metadata before and after its messages.
async fn around(reply: Response) -> (Metadata, Metadata) {
    let (before, body, _) = reply.into_parts();
    let mut messages = body.into_many().unwrap();
    let number = messages.next().await.unwrap().unwrap();
    assert_eq!(number.into_message::<Number>().unwrap().value, 7);
    assert!(messages.next().await.is_none());
    let metadata = messages.metadata();
    assert!(metadata.leading().is_none());
    (before, metadata.trailing().unwrap().clone())
}

#[tokio::test]
async fn handler_that_passes_on_a_stream_says_its_own_beside_it() {
    let method = Method::server_stream("Pass", |parts: Parts, _: Number| async move {
        parts.context().set_response_metadata("before", "1")?;
        parts.context().set_response_trailer("after", "2")?;
        Ok(Streaming::<Number>::from_payloads(onward()))
    });
    let (before, after) = around(run(&route(&method)).await.unwrap()).await;
    assert_eq!(before.iter().collect::<Vec<_>>(), [("before", "1")]);
    assert_eq!(after.iter().collect::<Vec<_>>(), [("after", "2")]);
}

#[tokio::test]
async fn what_an_erased_reply_carries_goes_out_with_what_the_handler_sets() {
    let types = (Number::describe as Describe, Number::describe as Describe);
    let method = Method::raw("Pass", Kind::ServerStream, types, |parts, _| {
        Box::pin(async move {
            parts.context().set_response_trailer("after", "2")?;
            Ok(Response::from_body(Body::Many(onward())))
        })
    });
    let (_, after) = around(run(&route(&method)).await.unwrap()).await;
    let all: Vec<_> = after.iter().collect();
    assert_eq!(all, [("whose", "theirs"), ("after", "2")]);
}

#[test]
fn reply_taken_apart_has_its_trailers() {
    let mut reply = Response::new(Number { value: 1 });
    reply.metadata_mut().insert("before", "1").unwrap();
    reply.trailers_mut().insert("after", "2").unwrap();
    let (before, body, after) = reply.into_parts();
    assert_eq!(before.get("before"), Some("1"));
    assert!(matches!(body, Body::One(_)));
    assert_eq!(after.get("after"), Some("2"));
}

/// A method that fails with a kind of error that has a source.
fn failing(kind: ErrorKind) -> Method {
    Method::unary("Fail", move |_: Arc<()>, _, _: Number| async move {
        let source = std::io::Error::other("secret");
        Err::<Number, _>(Error::new(kind, "no luck").with_source(source))
    })
}

#[tokio::test]
async fn failures_that_need_attention_are_logged_with_their_source() {
    let log = CapturedLog::new(Level::INFO);
    for &kind in ErrorKind::ALL {
        run(&route(&failing(kind))).await.unwrap_err();
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (line, (level, outcome)) in lines.iter().zip([
        ("ERROR", "unknown"),
        ("ERROR", "internal"),
        ("WARN", "unavailable"),
        ("ERROR", "data_loss"),
    ]) {
        assert!(line.starts_with(level), "{line}");
        assert!(line.contains(&format!("outcome=\"{outcome}\"")), "{line}");
        assert!(line.contains("error=\"no luck: secret\""), "{line}");
        assert!(
            line.contains("service=\"numbers\" method=\"Fail\""),
            "{line}"
        );
    }
}

#[tokio::test]
async fn access_log_that_is_off_has_no_line() {
    let log = CapturedLog::new(Level::INFO);
    let route = route(&failing(ErrorKind::Internal)).with_access_log(AccessLog::Off);
    run(&route).await.unwrap_err();
    assert_eq!(log.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn complete_access_log_has_a_line_for_a_call_within_the_process() {
    let log = CapturedLog::new(Level::INFO);
    let double = Method::unary("Double", |_: Arc<()>, _, number: Number| async {
        Ok(number)
    });
    let double = route(&double).with_access_log(AccessLog::All);
    run(&double).await.unwrap();
    let fail = route(&failing(ErrorKind::NotFound)).with_access_log(AccessLog::All);
    run(&fail).await.unwrap_err();
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("method=\"Double\""), "{lines:?}");
    assert!(lines[0].contains("outcome=\"ok\""), "{lines:?}");
    // Values of a call within the process are not encoded.
    assert!(!lines[0].contains("bytes"), "{lines:?}");
    assert!(lines[1].starts_with("INFO"), "{lines:?}");
    assert!(lines[1].contains("outcome=\"not_found\""), "{lines:?}");
}

#[tokio::test]
async fn stream_of_a_complete_access_log_is_logged_at_its_end() {
    let log = CapturedLog::new(Level::INFO);
    let method = Method::server_stream("Tell", |_: Parts, number: Number| async {
        Ok(Streaming::make(|out| async move {
            out.send(number).await?;
            Err(Error::internal("broken"))
        }))
    });
    let route = route(&method).with_access_log(AccessLog::All);
    let mut messages = run(&route)
        .await
        .unwrap()
        .into_parts()
        .1
        .into_many()
        .unwrap();
    messages.next().await.unwrap().unwrap();
    assert_eq!(log.lines(), Vec::<String>::new());
    let end = messages.next().await.unwrap();
    assert_eq!(end.err().unwrap().message(), "broken");
    drop(messages);
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("ERROR"), "{lines:?}");
    assert!(lines[0].contains("error=\"broken\""), "{lines:?}");
}
