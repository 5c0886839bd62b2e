//! gRPC-Web: binary and text, over HTTP/1.1 and HTTP/2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const WEB: &str = "content-type: application/grpc-web+proto\r\n";
const TEXT: &str = "content-type: application/grpc-web-text\r\n";

/// Returns the texts of a body, and its trailers.
fn told(body: &[u8]) -> (String, String) {
    let mut all = frames(body);
    let (flag, trailers) = all.pop().unwrap();
    assert_eq!(flag, 0x80);
    let read = |message: &Vec<u8>| Text::decode(&message.clone().into(), usize::MAX).unwrap().0;
    let texts: Vec<_> = all.iter().map(|(_, message)| read(message)).collect();
    (texts.join(" "), String::from_utf8(trailers).unwrap())
}

/// Decodes base64 that consists of several pieces with padding.
fn decoded(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for group in body.chunks(4) {
        out.extend(STANDARD.decode(group).unwrap());
    }
    out
}

#[tokio::test]
async fn unary_calls_and_server_streams() {
    let served = Served::new().await;
    let grpc = served.grpc().await;
    let ok = "grpc-status: 0\r\n";
    for (path, body, texts, trailers) in [
        ("/test.Test/Echo", text("a"), "a", ok.to_owned()),
        (
            "/test.Test/Get",
            text("a"),
            "a",
            format!("{ok}after: 2\r\n"),
        ),
        ("/test.Test/Count", text("3"), "1 2 3", ok.to_owned()),
        (
            "/test.Test/Tell",
            text("b c"),
            "b c",
            format!("{ok}after: 2\r\n"),
        ),
    ] {
        let expected = (texts.to_owned(), trailers);
        let (head, answer) = served.post(path, WEB, &body).await;
        assert!(head.contains(WEB), "{head}");
        assert_eq!(told(&answer), expected);
        let encoded = STANDARD.encode(&body);
        let (head, answer) = served.post(path, TEXT, encoded.as_bytes()).await;
        assert!(head.contains("content-type: application/grpc-web-text+proto\r\n"));
        assert_eq!(told(&decoded(&answer)), expected);
        let headers = [("content-type", "application/grpc-web")];
        let answer = grpc.call(path, &headers, body).await;
        assert_eq!(told(&answer.body), expected);
        assert!(answer.trailers.is_empty());
    }
}

#[tokio::test]
async fn text_may_be_padded_in_the_middle() {
    let served = Served::new().await;
    let body = text("hello");
    let pieces: String = body.chunks(4).map(|piece| STANDARD.encode(piece)).collect();
    assert!(pieces.contains("=="));
    let (_, answer) = served
        .post("/test.Test/Echo", TEXT, pieces.as_bytes())
        .await;
    assert_eq!(told(&decoded(&answer)).0, "hello");
}

#[tokio::test]
async fn failures_are_in_the_body() {
    let served = Served::new().await;
    for (path, body, status) in [
        (
            "/test.Test/Fail",
            text("a % b"),
            "grpc-status: 10\r\ngrpc-message: a %25 b\r\n",
        ),
        (
            "/test.Test/Tell",
            text("one fail"),
            "grpc-status: 10\r\ngrpc-message: no more\r\n",
        ),
        ("/test.Test/Nope", text("a"), "grpc-status: 12\r\n"),
        (
            "/test.Test/Echo",
            text("a").slice(..6),
            "grpc-status: 3\r\n",
        ),
        ("/test.Test/Echo", Bytes::new(), "grpc-status: 12\r\n"),
        (
            "/test.Test/Echo",
            Bytes::from_static(b"\x80\0\0\0\0"),
            "grpc-status: 3\r\n",
        ),
        (
            "/test.Test/Echo",
            Bytes::from_static(b"\0\xff\xff\xff\xff"),
            "grpc-status: 8\r\n",
        ),
    ] {
        let (head, answer) = served.post(path, WEB, &body).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let (_, trailers) = told(&answer);
        assert!(trailers.starts_with(status), "{path} {trailers}");
    }
    for bad in ["AAA", "A===", "AAAA*AAA", "AAAAAA=A"] {
        let (_, answer) = served.post("/test.Test/Echo", TEXT, bad.as_bytes()).await;
        let (_, trailers) = told(&decoded(&answer));
        assert!(
            trailers.starts_with("grpc-status: 3\r\n"),
            "{bad} {trailers}"
        );
    }
}

/// Text that is truncated anywhere, or that has an invalid character anywhere, is never decoded as
/// another message.
#[tokio::test]
async fn text_that_is_broken_anywhere_is_refused() {
    let served = Served::new().await;
    let whole = STANDARD.encode(text("hello"));
    let mut bodies: Vec<String> = (0..whole.len())
        .map(|cut| whole[..cut].to_owned())
        .collect();
    for at in 0..whole.len() {
        for sign in ["*", "=", "\0", "-", "\n"] {
            bodies.push(format!("{}{sign}{}", &whole[..at], &whole[at + 1..]));
        }
    }
    for body in bodies {
        let (head, answer) = served.post("/test.Test/Echo", TEXT, body.as_bytes()).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{body:?} {head}");
        let (texts, trailers) = told(&decoded(&answer));
        let refused = [
            "grpc-status: 3\r\n",
            "grpc-status: 8\r\n",
            "grpc-status: 12\r\n",
        ];
        let refused = refused.iter().any(|status| trailers.starts_with(status));
        assert!(texts.is_empty() && refused, "{body:?} {trailers}");
    }
}

#[tokio::test]
async fn deadlines_are_grpc_s() {
    let served = Served::new().await;
    let headers = format!("{WEB}grpc-timeout: 50m\r\n");
    let (_, answer) = served.post("/test.Test/Hold", &headers, &text("one")).await;
    let (texts, trailers) = told(&answer);
    assert_eq!(texts, "one");
    assert!(trailers.starts_with("grpc-status: 4\r\n"), "{trailers}");
    until(|| served.test.counts() == (1, 1)).await;
}
