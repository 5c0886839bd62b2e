//! Responses whose encoder panics, over every protocol.

use super::*;
use micro_schema::http::HttpRule;

/// A message whose encoder panics.
struct Broken;

impl Message for Broken {
    fn describe(types: &mut Types) -> String {
        Text::describe(types)
    }

    fn encode(&self, _: &mut Vec<u8>) {
        panic!("secret")
    }

    fn decode(_: &Bytes, _: usize) -> Result<Self> {
        Ok(Self)
    }

    fn encode_json(&self, _: &mut Vec<u8>) -> Result<()> {
        panic!("secret")
    }

    fn decode_json(_: &[u8], _: usize) -> Result<Self> {
        Ok(Self)
    }
}

const ASKED: &[u8] = br#"{"text":"a"}"#;

const BREAK: &[HttpRule] = &[HttpRule::new("POST", "/v1/break").body("*")];

async fn served() -> Served {
    let broken = Method::unary("Break", |_: Arc<Test>, _, _: Text| async { Ok(Broken) });
    let all = methods().into_iter().chain([broken.http(BREAK)]);
    Served::of(all.collect(), |_| {}).await
}

#[tokio::test]
async fn reply_that_panics_fails_alone_on_its_connection() {
    let served = served().await;
    let grpc = served.grpc().await;
    let neighbour = tokio::spawn({
        let grpc = grpc.clone();
        async move { grpc.call("/test.Test/Wait", &[], text("300")).await }
    });
    until(|| served.test.counts().0 == 1).await;
    let answer = grpc.call("/test.Test/Break", &[], text("a")).await;
    assert_eq!(answer.code(), 13);
    assert!(!answer.message().contains("secret"), "{answer:?}");
    let json = [("content-type", "application/grpc+json")];
    let answer = grpc.call("/test.Test/Break", &json, frame(ASKED)).await;
    assert_eq!(answer.code(), 13);
    for (kind, body) in [
        ("application/proto", text("a").slice(5..)),
        ("application/json", ASKED.into()),
    ] {
        let connect = [("content-type", kind)];
        let answer = grpc.call("/test.Test/Break", &connect, body).await;
        assert_eq!(answer.status, 500, "{answer:?}");
    }
    assert_eq!(neighbour.await.unwrap().texts(), ["300"]);
}

#[tokio::test]
async fn reply_that_panics_is_answered_over_http1() {
    let served = served().await;
    let web = "content-type: application/grpc-web+proto\r\n";
    let (head, body) = served.post("/test.Test/Break", web, &text("a")).await;
    let told = head + &String::from_utf8_lossy(&body);
    assert!(told.contains("grpc-status: 13\r\n"), "{told}");
    let json = "content-type: application/json\r\n";
    for path in ["/test.Test/Break", "/v1/break"] {
        let (head, body) = served.post(path, json, ASKED).await;
        assert!(head.starts_with("HTTP/1.1 500 "), "{path}: {head}");
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains("internal"), "{path}: {body}");
        assert!(!body.contains("secret"), "{path}: {body}");
    }
}
