//! Compression on every protocol, with the algorithms that are compiled in.

use super::*;
use crate::ResponseCompression;
use micro_wire::Compression;

fn compiled() -> Vec<Compression> {
    let all = Compression::ALL.iter().copied();
    all.filter(|way| way.is_compiled()).collect()
}

async fn served(way: Compression) -> Served {
    Served::with(|config| config.compression = ResponseCompression::named(way.name()).unwrap())
        .await
}

fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut out = frame(message).to_vec();
    out[0] = flag;
    out.into()
}

fn message(said: &str) -> Bytes {
    text(said).slice(5..)
}

#[tokio::test]
async fn grpc_both_ways() {
    for way in compiled() {
        let (served, name) = (served(way).await, way.name());
        let grpc = served.grpc().await;
        let long = message(&"long ".repeat(1000));
        let request = framed(1, &way.compress(&long).unwrap());
        let both = [("grpc-encoding", name), ("grpc-accept-encoding", name)];
        for (path, headers, flag) in [
            ("/test.Test/Echo", &both[..], 1),
            ("/test.Test/Echo", &both[..1], 0),
            ("/test.Test/Chat", &both[..], 1),
        ] {
            let answer = grpc.call(path, headers, request.clone()).await;
            assert_eq!(answer.code(), 0, "{answer:?}");
            let [(sent, bytes)] = &frames(&answer.body)[..] else {
                panic!("{answer:?}")
            };
            assert_eq!(*sent, flag);
            let announced = answer.headers.get("grpc-encoding");
            assert_eq!(
                announced.map(|name| name.to_str().unwrap()),
                (flag == 1).then_some(name)
            );
            match flag {
                1 => assert_eq!(way.decompress(bytes, 10_000).unwrap(), long),
                _ => assert_eq!(&bytes[..], &long[..]),
            }
            assert_eq!(
                answer.headers["grpc-accept-encoding"],
                Compression::accepted()
            );
        }
        // Short messages are not compressed.
        let answer = grpc.call("/test.Test/Echo", &both, text("a")).await;
        assert_eq!(answer.texts(), ["a"]);
    }
}

#[tokio::test]
async fn bombs_and_rubbish_are_refused() {
    for way in compiled() {
        let (served, name) = (served(way).await, way.name());
        let grpc = served.grpc().await;
        let bomb = way.compress(&vec![b'x'; 64 << 20]).unwrap();
        let header = [("grpc-encoding", name)];
        let answer = grpc
            .call("/test.Test/Echo", &header, framed(1, &bomb))
            .await;
        assert_eq!(answer.code(), 8, "{answer:?}");
        assert!(answer.message().contains("4194304"), "{answer:?}");
        let answer = grpc
            .call("/test.Test/Echo", &header, framed(1, b"rubbish"))
            .await;
        assert_eq!(answer.code(), 3, "{answer:?}");
        let headers = format!("content-type: application/proto\r\ncontent-encoding: {name}\r\n");
        let (head, _) = served.post("/test.Test/Echo", &headers, &bomb).await;
        assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
        assert_eq!(grpc.echo("still here").await, "still here");
    }
}

#[tokio::test]
async fn bombs_are_refused_on_every_protocol() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    for way in compiled() {
        let (served, name) = (served(way).await, way.name());
        let bomb = way.compress(&vec![0; 64 << 20]).unwrap();
        let framed = framed(1, &bomb);
        for (path, kind, header) in [
            ("/test.Test/Echo", "grpc-web", "grpc-encoding"),
            ("/test.Test/Tell", "grpc-web", "grpc-encoding"),
            ("/test.Test/Echo", "grpc-web-text", "grpc-encoding"),
            (
                "/test.Test/Tell",
                "connect+proto",
                "connect-content-encoding",
            ),
            (
                "/test.Test/Join",
                "connect+proto",
                "connect-content-encoding",
            ),
            (
                "/test.Test/Chat",
                "connect+json",
                "connect-content-encoding",
            ),
        ] {
            let headers = format!("content-type: application/{kind}\r\n{header}: {name}\r\n");
            let text = kind.ends_with("text");
            let body = if text {
                STANDARD.encode(&framed).into_bytes()
            } else {
                framed.to_vec()
            };
            let (_, answer) = served.post(path, &headers, &body).await;
            let answer = if text {
                STANDARD.decode(&answer).unwrap()
            } else {
                answer
            };
            let told = String::from_utf8_lossy(&answer).into_owned();
            let is_refused = told.contains("grpc-status: 8") || told.contains("resource_exhausted");
            assert!(is_refused, "{path} {kind} {name}: {told}");
        }
        let query = URL_SAFE_NO_PAD.encode(&bomb);
        if query.len() < 30_000 {
            let get = format!(
                "GET /test.Test/Get?connect=v1&encoding=proto&compression={name}&base64=1&\
                 message={query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            );
            let (head, _) = served.exchange(get.as_bytes()).await;
            assert!(!head.contains(" 200 "), "{name}: {head}");
        }
        assert_eq!(served.grpc().await.echo("still here").await, "still here");
    }
}

#[tokio::test]
async fn connect_and_web_both_ways() {
    for way in compiled() {
        let (served, name) = (served(way).await, way.name());
        let long = message(&"long ".repeat(1000));
        let small = way.compress(&long).unwrap();
        let headers = format!(
            "content-type: application/proto\r\ncontent-encoding: {name}\r\n\
             accept-encoding: br, {name};q=0.5\r\n"
        );
        let (head, body) = served.post("/test.Test/Echo", &headers, &small).await;
        assert!(
            head.contains(&format!("content-encoding: {name}\r\n")),
            "{head}"
        );
        assert_eq!(way.decompress(&body, 10_000).unwrap(), long);
        for (kind, prefix, path) in [
            (
                "connect+proto",
                "connect-content-encoding",
                "/test.Test/Chat",
            ),
            ("grpc-web", "grpc-encoding", "/test.Test/Echo"),
        ] {
            let accept = prefix
                .replace("content-", "")
                .replace("-encoding", "-accept-encoding");
            let headers = format!(
                "content-type: application/{kind}\r\n{prefix}: {name}\r\n{accept}: {name}\r\n"
            );
            let (head, body) = served.post(path, &headers, &framed(1, &small)).await;
            assert!(head.contains(&format!("{prefix}: {name}\r\n")), "{head}");
            let (flag, message) = &frames(&body)[0];
            assert_eq!(*flag, 1);
            assert_eq!(way.decompress(message, 10_000).unwrap(), long);
        }
    }
}

#[tokio::test]
async fn compressed_gets() {
    use base64::Engine;
    let served = Served::new().await;
    for way in compiled() {
        let message = way.compress(&message("hello")).unwrap();
        let message = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(message);
        let name = way.name();
        let request = format!(
            "GET /test.Test/Get?encoding=proto&base64=1&compression={name}&message={message} \
             HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        );
        let (_, body) = served.exchange(request.as_bytes()).await;
        assert_eq!(body, b"\n\x05hello");
    }
}

#[test]
fn settings_name_the_feature_that_is_missing() {
    assert_eq!(
        ResponseCompression::named("none").unwrap(),
        ResponseCompression::default()
    );
    for &way in Compression::ALL {
        match ResponseCompression::named(way.name()) {
            Ok(replies) => assert_eq!((replies.algorithm, way.is_compiled()), (Some(way), true)),
            Err(error) => assert!(error.message().contains("add the feature"), "{error}"),
        }
    }
    assert!(
        ResponseCompression::named("lzma")
            .unwrap_err()
            .message()
            .contains("`lzma`")
    );
}
