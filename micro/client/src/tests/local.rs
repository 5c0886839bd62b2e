//! Streams of services in the same process.

use tokio::time::Instant;

use super::*;
use micro_core::context::Context;
use micro_core::handler::{Kind, Method, Parts, Resources, Route, Router, ServiceInfo, Streaming};
use micro_message::error::{Error, ErrorKind};

/// Yields the text once for each of its bytes, then fails if it is "fail".
async fn count(parts: Parts, request: Text) -> Result<Streaming<Text>> {
    parts.context().set_response_metadata("place", "before")?;
    let context = parts.context().clone();
    Ok(Streaming::make(|out| async move {
        for number in 0..request.0.len() {
            out.send(text(&format!("{number} {}", request.0))).await?;
        }
        context.set_response_trailer("place", "after")?;
        if request.0 == "fail" {
            return Err(Error::data_loss("no more"));
        }
        Ok(())
    }))
}

async fn join(_: Parts, mut requests: Streaming<Text>) -> Result<Text> {
    let mut all = String::new();
    while let Some(next) = requests.next().await {
        all.push_str(&next?.0);
    }
    Ok(text(&all))
}

/// Waits for the first request before it responds.
async fn talk(parts: Parts, mut requests: Streaming<Text>) -> Result<Streaming<Text>> {
    let Some(first) = requests.next().await.transpose()? else {
        return Err(Error::invalid_argument("nothing was said"));
    };
    parts.context().set_response_metadata("first", &*first.0)?;
    Ok(Streaming::make(move |out| async move {
        out.send(first).await?;
        while let Some(next) = requests.next().await {
            out.send(next?).await?;
        }
        Ok(())
    }))
}

/// Never returns its stream.
async fn never(_: Parts, _: Text) -> Result<Streaming<Text>> {
    std::future::pending().await
}

/// Sets metadata and trailers, then fails.
fn fail(context: &Context, said: &str) -> Result<()> {
    context.set_response_metadata("before", said)?;
    context.set_response_trailer("after", said)?;
    Err(Error::aborted("no"))
}

async fn refuse(_: Arc<()>, context: Context, asked: Text) -> Result<Text> {
    fail(&context, &asked.0).map(|()| asked)
}

async fn refuse_counting(parts: Parts, asked: Text) -> Result<Streaming<Text>> {
    fail(parts.context(), &asked.0)?;
    Ok(Streaming::make(|_| async { Ok(()) }))
}

async fn refuse_joining(parts: Parts, _: Streaming<Text>) -> Result<Text> {
    fail(parts.context(), "join").map(|()| text(""))
}

async fn refuse_talking(parts: Parts, requests: Streaming<Text>) -> Result<Streaming<Text>> {
    fail(parts.context(), "talk").map(|()| requests)
}

fn client() -> Client {
    client_with(Config::default())
}

fn client_with(config: Config) -> Client {
    let info = ServiceInfo::new("talk", "talk.Talk");
    let mut router = Router::new();
    for method in [
        Method::server_stream("Count", count),
        Method::client_stream("Join", join),
        Method::bidirectional("Talk", talk),
        Method::server_stream("Never", never),
        Method::unary("Refuse", refuse),
        Method::server_stream("RefuseCounting", refuse_counting),
        Method::client_stream("RefuseJoining", refuse_joining),
        Method::bidirectional("RefuseTalking", refuse_talking),
    ] {
        let route = Route::new(info, &method, Arc::new(()), Resources::new());
        router.add(route).unwrap();
    }
    Client::builder().local(router).config(config).build()
}

fn method(name: &str, kind: Kind) -> Arc<MethodInfo> {
    Arc::new(MethodInfo::new("talk", format!("/talk.Talk/{name}")).kind(kind))
}

#[tokio::test]
async fn streams_pass_in_the_same_process() {
    let client = client();
    let method = |name, kind| method(name, kind);
    let counting = client.server_stream::<Text>(&method("Count", Kind::ServerStream), text("fail"));
    let mut counted = counting.await.unwrap();
    assert_eq!(counted.metadata().get("place"), Some("before"));
    for number in 0..4 {
        let next = counted.next().await.unwrap().unwrap();
        assert_eq!(next, text(&format!("{number} fail")));
    }
    let error = counted.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss);
    assert_eq!(error.metadata().get("place"), Some("after"));
    assert_eq!(counted.trailers().unwrap().get("place"), Some("after"));

    let (sender, requests) = Streaming::channel(1);
    let joining = client.client_stream::<Text>(&method("Join", Kind::ClientStream), requests);
    let sending = async move {
        for part in ["a", "b", "c"] {
            sender.send(text(part)).await.unwrap();
        }
    };
    let (joined, ()) = tokio::join!(joining.into_future(), sending);
    assert_eq!(joined.unwrap(), text("abc"));

    let (sender, requests) = Streaming::channel(1);
    let talking = client.bidirectional::<Text>(&method("Talk", Kind::Bidirectional), requests);
    let mut heard = talking.await.unwrap();
    for said in ["a", "b", "c"] {
        sender.send(text(said)).await.unwrap();
        assert_eq!(heard.next().await.unwrap().unwrap(), text(said));
    }
    assert_eq!(heard.metadata().get("first"), Some("a"));
    drop(sender);
    assert!(heard.next().await.is_none());
}

#[tokio::test]
async fn handler_goes_on_while_its_caller_only_sends_and_stops_when_it_leaves() {
    let client = client();
    let (sender, requests) = Streaming::channel(1);
    let talking = client.bidirectional::<Text>(&method("Talk", Kind::Bidirectional), requests);
    let heard = talking.await.unwrap();
    // More than the channel holds, so the handler must be reading them.
    for number in 0..10 {
        sender.send(text(&number.to_string())).await.unwrap();
    }
    assert_eq!(client.core().tasks.running(), 1);
    drop(heard);
    tokio::time::timeout(Duration::from_secs(10), sender.closed())
        .await
        .unwrap();
    until("its task has ended", || client.core().tasks.running() == 0).await;
}

#[tokio::test]
async fn unread_replies_hold_the_handler_back() {
    let client = client();
    let (sender, requests) = Streaming::channel(1);
    let talking = client.bidirectional::<Text>(&method("Talk", Kind::Bidirectional), requests);
    let heard = talking.await.unwrap();
    let sending = async {
        for _ in 0..10_000 {
            sender.send(text("x")).await.unwrap();
        }
    };
    let held = tokio::time::timeout(Duration::from_millis(200), sending).await;
    assert!(held.is_err(), "all of it was taken");
    drop(heard);
}

#[tokio::test(start_paused = true)]
async fn deadline_and_silence_end_streams() {
    let client = client();
    let method = method("Talk", Kind::Bidirectional);
    let open = || {
        let (sender, requests) = Streaming::channel(1);
        (sender, client.bidirectional::<Text>(&method, requests))
    };
    let started = Instant::now();
    let (sender, talking) = open();
    let mut heard = talking.timeout(Duration::from_secs(100)).await.unwrap();
    let sending = async {
        while sender.send(text("x")).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(7)).await;
        }
    };
    let reading = async {
        loop {
            if let Err(error) = heard.next().await.unwrap() {
                return error;
            }
        }
    };
    let (error, ()) = tokio::join!(reading, sending);
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(started.elapsed() < Duration::from_secs(110));

    let (sender, talking) = open();
    let mut heard = talking.idle_timeout(Duration::from_secs(5)).await.unwrap();
    sender.send(text("x")).await.unwrap();
    assert!(heard.next().await.unwrap().is_ok());
    let error = heard.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(
        error.to_string(),
        "`/talk.Talk/Talk`: no message in either direction within 5s (`idle_timeout`)"
    );
    assert!(heard.next().await.is_none());
    sender.closed().await;
}

#[tokio::test]
async fn streams_are_called_as_what_they_are() {
    let client = client();
    let wrong = client.call::<Text>(&method("Count", Kind::ServerStream), text("a"));
    let error = wrong.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(
        error.to_string(),
        "`/talk.Talk/Count` is a server stream, it cannot be called as a unary method"
    );
}

#[tokio::test]
async fn closing_the_client_ends_its_streams() {
    let client = client();
    let (sender, requests) = Streaming::<Text>::channel(1);
    let talking = client.bidirectional::<Text>(&method("Talk", Kind::Bidirectional), requests);
    let context = Context::new().with_timeout(Duration::from_secs(60));
    let mut heard = talking.context(context).await.unwrap();
    client.close().await;
    let error = heard.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    sender.closed().await;
}

#[tokio::test(start_paused = true)]
async fn stream_that_never_opens_is_given_up() {
    let client = client_with(Config {
        timeout: Duration::from_secs(1),
        ..Config::default()
    });
    let method = method("Never", Kind::ServerStream);
    let started = Instant::now();
    let error = client
        .server_stream::<Text>(&method, text("a"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(
        error.message(),
        "`/talk.Talk/Never`: no reply within 1s, the client's timeout"
    );
    assert_eq!(started.elapsed().as_secs(), 1);

    let call = client.server_stream::<Text>(&method, text("a"));
    let silent = call
        .idle_timeout(Duration::from_millis(200))
        .await
        .unwrap_err();
    assert_eq!(silent.kind(), ErrorKind::DeadlineExceeded);
    assert!(
        silent.message().contains("within 200ms (`idle_timeout`)"),
        "{silent}"
    );

    let call = client.server_stream::<Text>(&method, text("a"));
    let error = call.timeout(Duration::from_millis(20)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(started.elapsed() < Duration::from_millis(1500));
}

#[tokio::test]
async fn what_a_handler_sets_before_it_fails_comes_with_its_error() {
    let client = client();
    let says = |error: &Error, said| {
        assert_eq!(error.kind(), ErrorKind::Aborted);
        let pairs: Vec<_> = error.metadata().iter().collect();
        assert_eq!(pairs, [("before", said), ("after", said)]);
    };
    let call = client.call::<Text>(&method("Refuse", Kind::Unary), text("one"));
    says(&call.await.unwrap_err(), "one");
    let counting = method("RefuseCounting", Kind::ServerStream);
    let call = client.server_stream::<Text>(&counting, text("count"));
    says(&call.await.unwrap_err(), "count");
    let requests = || Streaming::<Text>::make(|_| async { Ok(()) });
    let joining = method("RefuseJoining", Kind::ClientStream);
    let call = client.client_stream::<Text>(&joining, requests());
    says(&call.await.unwrap_err(), "join");
    let talking = method("RefuseTalking", Kind::Bidirectional);
    let mut heard = client
        .bidirectional::<Text>(&talking, requests())
        .await
        .unwrap();
    says(&heard.next().await.unwrap().unwrap_err(), "talk");
}

#[tokio::test]
async fn metadata_that_no_network_would_take_is_refused() {
    let client = client_with(Config {
        max_metadata_size: 100,
        ..Config::default()
    });
    for kind in [Kind::Unary, Kind::ServerStream] {
        for (key, value, refused) in [
            ("grpc-x", "1", Some(ErrorKind::InvalidArgument)),
            ("key", &*"x".repeat(100), Some(ErrorKind::ResourceExhausted)),
            ("key", "1", None),
        ] {
            let outcome = if kind == Kind::Unary {
                let call = client.call::<Text>(&method("Refuse", kind), text("a"));
                call.metadata(key, value).await.map(drop)
            } else {
                let call = client.server_stream::<Text>(&method("Count", kind), text("a"));
                call.metadata(key, value).await.map(drop)
            };
            let error = outcome.err().map(|error| error.kind());
            let own = (kind == Kind::Unary).then_some(ErrorKind::Aborted);
            assert_eq!(error, refused.or(own), "{kind:?} {key}");
        }
    }
}
