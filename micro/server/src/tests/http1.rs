//! HTTP/1 requests that are malformed or end too early: the client gets an error while it is still
//! connected.

use super::*;

/// Sends a call with the given headers and body, half-closes the connection and returns the
/// response.
async fn sent(served: &Served, headers: &str, body: &str) -> String {
    let mut tcp = served.tcp().await;
    let method = if headers.contains("connect+") {
        "Chat"
    } else {
        "Echo"
    };
    let head = format!("POST /test.Test/{method} HTTP/1.1\r\n{headers}\r\n\r\n{body}");
    tcp.write_all(head.as_bytes()).await.unwrap();
    tcp.shutdown().await.unwrap();
    within(read_all(&mut tcp)).await
}

#[tokio::test]
async fn malformed_bodies_are_the_mistake_of_a_caller_who_is_there() {
    let served = Served::new().await;
    let json = "host: x\r\ncontent-type: application/json";
    let chunked = format!("{json}\r\ntransfer-encoding: chunked");
    let framed = "host: x\r\ncontent-type: application/connect+json\r\n\
                  transfer-encoding: chunked";
    for (headers, body, told) in [
        (&*chunked, "zz\r\n{}\r\n0\r\n\r\n", "malformed"),
        (&*chunked, "2\n{}\n0\n\n", "malformed"),
        (&*chunked, "fffffffffffffffff\r\n{}", "malformed"),
        (&*chunked, "5\r\n{}", "ends before its body"),
        (&*chunked, "2\r\n{}\r\n", "ends before its body"),
        (
            &format!("{json}\r\ncontent-length: 9"),
            "{}",
            "ends before its body",
        ),
        (framed, "zz\r\n", "malformed"),
    ] {
        let answer = sent(&served, headers, body).await;
        let good = headers == framed || answer.starts_with("HTTP/1.1 400 Bad Request\r\n");
        assert!(good, "{body:?}: {answer}");
        assert!(
            answer.contains("\"invalid_argument\""),
            "{body:?}: {answer}"
        );
        assert!(answer.contains(told), "{body:?}: {answer}");
    }
}

#[tokio::test]
async fn a_status_that_http_does_not_know_has_a_reason() {
    async fn gone(_: Arc<Test>, _: Context, _: Text) -> Result<Text> {
        Err(Error::cancelled("no"))
    }
    let served = Served::of(vec![Method::unary("Gone", gone)], |_| {}).await;
    let json = "content-type: application/json\r\n";
    let (head, _) = served
        .post("/test.Test/Gone", json, br#"{"text":""}"#)
        .await;
    assert!(
        head.starts_with("HTTP/1.1 499 Client Closed Request\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn requests_without_a_host_or_in_a_coding_are_refused() {
    let served = Served::new().await;
    let json = "content-type: application/json\r\ncontent-length: 12";
    let coded = "host: x\r\ncontent-type: application/json\r\n\
                 transfer-encoding: gzip, chunked";
    for (headers, expected) in [
        (json.to_owned(), "400 Bad Request"),
        (format!("host: a\r\nhost: b\r\n{json}"), "400 Bad Request"),
        (coded.to_owned(), "501 Not Implemented"),
        (format!("host: a\r\n{json}"), "200 OK"),
    ] {
        let answer = sent(&served, &headers, r#"{"text":"a"}"#).await;
        let start = format!("HTTP/1.1 {expected}\r\n");
        assert!(answer.starts_with(&start), "{answer}");
    }
}
