//! Streams over gRPC: metadata on both sides, back-pressure, cancellation, deadlines, and the
//! server's shutdown.

use super::*;
use crate::tests::service::DROP;

/// Default flow-control window of an HTTP/2 client, in bytes.
const WINDOW: usize = 65_535;

/// Waits until a number stops changing, which means that its producer is blocked.
async fn settled(read: impl Fn() -> usize) -> usize {
    within(async {
        let (mut last, mut same) = (0, 0);
        while same < 100 || last == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let now = read();
            same = if now == last { same + 1 } else { 0 };
            last = now;
        }
        last
    })
    .await
}

async fn open(served: &Served, path: &str, body: Bytes) -> (HeaderMap, h2::RecvStream) {
    let mut send = served.grpc().await.send.ready().await.unwrap();
    let (response, mut requests) = send.send_request(request(path, &[]), false).unwrap();
    requests.send_data(body, true).unwrap();
    let (head, body) = within(response).await.unwrap().into_parts();
    (head.headers, body)
}

#[tokio::test]
async fn metadata_goes_before_and_after_messages() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let answer = grpc.call("/test.Test/Tell", &[], text("one two")).await;
    assert_eq!(
        (answer.code(), answer.texts().join(" ")),
        (0, "one two".into())
    );
    assert_eq!(answer.headers["before"], "1");
    assert!(!answer.headers.contains_key("after"));
    assert_eq!(answer.trailers["after"], "2");
    let answer = grpc.call("/test.Test/Get", &[], text("a")).await;
    assert_eq!(answer.trailers["after"], "2");
}

#[tokio::test]
async fn failure_in_mid_stream_carries_details_and_metadata_and_follows_its_messages() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let answer = grpc.call("/test.Test/Tell", &[], text("one fail")).await;
    assert_eq!((answer.code(), answer.texts().concat()), (10, "one".into()));
    assert_eq!(answer.trailers["after"], "2");
    assert!(answer.trailers.contains_key("grpc-status-details-bin"));
    let answer = grpc.call("/test.Test/Tell", &[], text("one panic")).await;
    assert_eq!((answer.code(), answer.texts().concat()), (13, "one".into()));
    assert!(!answer.message().contains("secret"));
    assert_eq!(grpc.echo("still here").await, "still here");
}

#[tokio::test]
async fn messages_that_are_ready_leave_in_one_frame() {
    let served = Served::new().await;
    let (_, mut body) = open(&served, "/test.Test/Count", text("12")).await;
    let first = within(body.data()).await.unwrap().unwrap();
    assert_eq!(frames(&first).len(), 12);
    assert!(within(body.data()).await.is_none());
}

#[tokio::test]
async fn reader_that_stops_stops_the_handler() {
    let served = Served::new().await;
    let (_, mut body) = open(&served, "/test.Test/Flood", text("")).await;
    let sent = || served.test.messages.load(Ordering::SeqCst) * DROP;
    // The client's window, one piece that waits, one that is being sent, and one message.
    let ahead = settled(sent).await;
    assert!(ahead >= WINDOW - DROP, "{ahead}");
    assert!(ahead <= WINDOW + 2 * (16 << 10) + 2 * DROP, "{ahead}");
    let mut read = 0;
    while read < 2 * WINDOW {
        let data = within(body.data()).await.unwrap().unwrap();
        read += data.len();
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    until(|| sent() > 2 * WINDOW).await;
}

#[tokio::test]
async fn reader_that_stops_over_http1_stops_the_handler() {
    let served = Served::new().await;
    let mut tcp = served.tcp().await;
    let body = text("");
    let head = format!(
        "POST /test.Test/Flood HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\
         content-type: application/connect+proto\r\n\r\n",
        body.len()
    );
    tcp.write_all(&[head.as_bytes(), &body].concat())
        .await
        .unwrap();
    // Limited by the socket buffers of this machine.
    let ahead = settled(|| served.test.messages.load(Ordering::SeqCst) * DROP).await;
    assert!(ahead < 64 << 20, "{ahead}");
    drop(tcp);
    until(|| served.test.counts() == (1, 1)).await;
}

#[tokio::test]
async fn handler_that_stops_stops_its_caller() {
    let served = Served::new().await;
    let mut send = served.grpc().await.send.ready().await.unwrap();
    let path = request("/test.Test/Slow", &[]);
    let (response, mut requests) = send.send_request(path, false).unwrap();
    let message = text(&"x".repeat(DROP));
    let taken = AtomicUsize::new(0);
    let writing = async {
        for _ in 0..3000 {
            let mut rest = message.clone();
            while !rest.is_empty() {
                requests.reserve_capacity(rest.len());
                let room = std::future::poll_fn(|cx| requests.poll_capacity(cx)).await;
                let part = rest.split_to(room.unwrap().unwrap().min(rest.len()));
                taken.fetch_add(part.len(), Ordering::SeqCst);
                requests.send_data(part, false).unwrap();
            }
        }
        requests.send_data(Bytes::new(), true).unwrap();
    };
    let watching = async {
        let stuck = settled(|| taken.load(Ordering::SeqCst)).await;
        assert!(stuck <= 1 << 20, "{stuck}");
        served.test.pace.add_permits(10_000);
    };
    within(async { tokio::join!(writing, watching) }).await;
    let body = &mut within(response).await.unwrap().into_body();
    let answer = within(body.data()).await.unwrap().unwrap();
    assert_eq!(answer, text(&(3000 * DROP).to_string()));
}

#[tokio::test]
async fn caller_that_goes_drops_the_handler() {
    let served = Served::new().await;
    let calls = [
        ("Hold", "", true),
        ("Hold", "one", true),
        ("Flood", "", true),
        ("Slow", "", false),
    ];
    for (count, (path, first, last)) in calls.into_iter().enumerate() {
        let grpc = served.grpc().await;
        let mut send = grpc.send.clone().ready().await.unwrap();
        let path = request(&format!("/test.Test/{path}"), &[]);
        let (response, mut requests) = send.send_request(path, false).unwrap();
        requests.send_data(text(first), last).unwrap();
        until(|| served.test.counts() == (count + 1, count)).await;
        drop((response, requests));
        until(|| served.test.counts() == (count + 1, count + 1)).await;
        assert_eq!(grpc.echo("still here").await, "still here");
    }
    until(|| served.running.server.running_calls().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_dropped_streams_leave_nothing() {
    const STREAMS: usize = 10_000;
    let served = Served::new().await;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..8 {
        let grpc = served.grpc().await;
        callers.spawn(async move {
            for call in 0..STREAMS / 8 {
                let path = ["Hold", "Flood", "Chat", "Slow"][(caller + call) % 4];
                let path = request(&format!("/test.Test/{path}"), &[]);
                let mut send = grpc.send.clone().ready().await.unwrap();
                let (response, mut requests) = send.send_request(path, false).unwrap();
                requests.send_data(text("a"), call % 3 == 0).unwrap();
                // Dropped at once, after a while, or while its response is being sent.
                match call % 5 {
                    0 => {}
                    1 => tokio::task::yield_now().await,
                    _ => {
                        let soon = Duration::from_micros((call % 7) as u64 * 100);
                        let waiting = tokio::time::timeout(soon, response).await;
                        drop(waiting);
                    }
                }
            }
            grpc.echo("still here").await
        });
    }
    let said = within(callers.join_all()).await;
    assert!(said.iter().all(|said| said == "still here"));
    until(|| served.running.server.running_calls().is_empty()).await;
    until(|| served.test.counts().0 == served.test.counts().1).await;
    assert!(served.test.counts().0 > 0);
}

#[tokio::test]
async fn deadline_holds_over_the_whole_stream() {
    let served = Served::new().await;
    let headers = [("grpc-timeout", "50m")];
    let grpc = served.grpc().await;
    let answer = grpc.call("/test.Test/Hold", &headers, text("one")).await;
    assert_eq!((answer.code(), answer.texts().concat()), (4, "one".into()));
    let answer = grpc.call("/test.Test/Flood", &headers, text("")).await;
    assert_eq!(answer.code(), 4);
    until(|| served.test.counts() == (2, 2)).await;
}

#[tokio::test]
async fn idle_streams_end_when_that_is_set() {
    let served = Served::with(|config| {
        config.limits.stream_idle_timeout = Some(Duration::from_millis(50));
    })
    .await;
    let grpc = served.grpc().await;
    let answer = grpc.call("/test.Test/Hold", &[], text("one")).await;
    assert_eq!((answer.code(), answer.texts().concat()), (4, "one".into()));
    assert!(answer.message().contains("`limits.stream_idle_timeout`"));
    // A missing request message is as idle as a missing response. Both directions stay open.
    let mut send = grpc.send.clone().ready().await.unwrap();
    let (response, _requests) = send
        .send_request(request("/test.Test/Join", &[]), false)
        .unwrap();
    let response = within(response).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "4");
}

#[tokio::test]
async fn time_is_over_for_streams_that_nobody_reads() {
    let served = Served::with(|config| {
        config.limits.stream_idle_timeout = Some(Duration::from_millis(300));
    })
    .await;
    let grpc = served.grpc().await;
    for (count, timeout) in ["400m", "60S"].into_iter().enumerate() {
        let mut send = grpc.send.clone().ready().await.unwrap();
        let path = request("/test.Test/Flood", &[("grpc-timeout", timeout)]);
        let (response, mut requests) = send.send_request(path, false).unwrap();
        requests.send_data(text(""), true).unwrap();
        let mut body = within(response).await.unwrap().into_body();
        until(|| served.test.counts() == (count + 1, count + 1)).await;
        let error = within(async {
            loop {
                match body.data().await {
                    Some(Ok(data)) => body.flow_control().release_capacity(data.len()).unwrap(),
                    Some(Err(error)) => return error,
                    None => panic!("it was cut"),
                }
            }
        })
        .await;
        assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
    }
    until(|| served.running.server.running_calls().is_empty()).await;
}

#[tokio::test]
async fn methods_have_limits_of_their_own_in_both_directions() {
    let served = Served::with(|config| config.limits.max_message_size = 1000).await;
    let grpc = served.grpc().await;
    let answer = grpc
        .call("/test.Test/Small", &[], text(&"x".repeat(200)))
        .await;
    assert_eq!(answer.code(), 8);
    assert!(answer.message().contains("at most 100"), "{answer:?}");
    let answer = grpc.call("/test.Test/Small", &[], text("200")).await;
    assert_eq!(answer.code(), 8);
    for part in ["`/test.Test/Small`", "203 bytes", "more than the 100"] {
        assert!(answer.message().contains(part), "{answer:?}");
    }
    assert_eq!(
        grpc.call("/test.Test/Small", &[], text("50")).await.code(),
        0
    );
    let word = "x".repeat(990);
    let answer = grpc.call("/test.Test/Tell", &[], text(&word)).await;
    assert_eq!((answer.code(), answer.texts().concat()), (0, word));
}

#[tokio::test]
async fn open_streams_may_finish_until_the_grace_is_over() {
    let served = Served::new().await;
    let mut send = served.grpc().await.send.ready().await.unwrap();
    let path = request("/test.Test/Chat", &[]);
    let (response, mut requests) = send.send_request(path, false).unwrap();
    let mut body = within(response).await.unwrap().into_body();
    let health = served.health.clone();
    let drained = tokio::spawn(served.running.drain(Duration::from_secs(20)));
    until(|| health.unready().is_some()).await;
    requests.send_data(text("last"), true).unwrap();
    let data = within(body.data()).await.unwrap().unwrap();
    assert_eq!(data, text("last"));
    assert_eq!(
        within(body.trailers()).await.unwrap().unwrap()["grpc-status"],
        "0"
    );
    drop((send, requests, body));
    assert_eq!(within(drained).await.unwrap().cut, []);
}

#[tokio::test]
async fn streams_that_do_not_finish_are_told_and_named() {
    let served = Served::new().await;
    let (_, mut body) = open(&served, "/test.Test/Hold", text("one")).await;
    assert!(within(body.data()).await.is_some());
    let drained = within(served.running.drain(Duration::from_millis(50))).await;
    let paths: Vec<_> = drained.cut.iter().map(|cut| &*cut.path).collect();
    assert_eq!(paths, ["/test.Test/Hold"]);
    assert!(within(body.data()).await.is_none());
    let trailers = within(body.trailers()).await.unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "14");
    until(|| served.test.counts() == (1, 1)).await;
}

#[tokio::test]
async fn stream_that_never_waits_leaves_its_neighbours_their_turn() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let mut send = grpc.send.clone().ready().await.unwrap();
    let grind = request("/test.Test/Grind", &[]);
    let (response, mut requests) = send.send_request(grind, false).unwrap();
    requests.send_data(text("go"), true).unwrap();
    let started = std::time::Instant::now();
    let mut replies = within(response).await.unwrap().into_body();
    assert!(within(replies.data()).await.unwrap().is_ok());
    let reading = tokio::spawn(async move {
        while let Some(Ok(chunk)) = replies.data().await {
            let room = replies.flow_control().release_capacity(chunk.len());
            room.unwrap();
        }
    });
    for _ in 0..10 {
        assert_eq!(grpc.echo("neighbour").await, "neighbour");
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(!reading.is_finished());
    reading.abort();
}

#[tokio::test]
async fn many_short_messages_wait_without_harm_to_their_neighbours() {
    const EACH: usize = 2_000;
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut send = grpc.send.clone().ready().await.unwrap();
        let (response, mut stream) = send
            .send_request(request("/test.Test/Slow", &[]), false)
            .unwrap();
        for _ in 0..EACH {
            stream.reserve_capacity(text("1").len());
            let room = within(std::future::poll_fn(|cx| stream.poll_capacity(cx))).await;
            room.unwrap().unwrap();
            stream.send_data(text("1"), false).unwrap();
        }
        stream.send_data(Bytes::new(), true).unwrap();
        waiting.push(response);
    }
    assert_eq!(grpc.echo("neighbour").await, "neighbour");
    served.test.pace.add_permits(20 * (EACH + 1));
    for response in waiting {
        let mut body = within(response).await.unwrap().into_body();
        let reply = within(body.data()).await.unwrap().unwrap();
        assert_eq!(reply, text(&EACH.to_string()));
    }
}
