//! Bare HTTP/2 and HTTP/1 clients, and helpers for frames.

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Request};

use crate::tests::text::Text;
use crate::tests::within;
use micro_message::codec::{Codec, Message};

/// A bare HTTP/2 client.
#[derive(Clone)]
pub(super) struct Grpc {
    pub(super) send: SendRequest<Bytes>,
}

/// The response to a gRPC call.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: HeaderMap,
}

pub(super) fn frame(message: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_u8(0);
    out.put_u32(u32::try_from(message.len()).unwrap());
    out.put_slice(message);
    out.freeze()
}

pub(super) fn text(text: &str) -> Bytes {
    let mut out = Vec::new();
    Text(text.to_owned()).encode(&mut out);
    frame(&out)
}

pub(super) fn request(path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::post(format!("http://test{path}"))
        .header("te", "trailers")
        .body(())
        .unwrap();
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        let value = "application/grpc".parse().unwrap();
        request.headers_mut().insert("content-type", value);
    }
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

impl Grpc {
    pub(super) async fn call(&self, path: &str, headers: &[(&str, &str)], body: Bytes) -> Answer {
        within(self.try_call(request(path, headers), body))
            .await
            .unwrap()
    }

    pub(super) async fn try_call(
        &self,
        request: Request<()>,
        mut body: Bytes,
    ) -> Result<Answer, h2::Error> {
        let mut client = self.send.clone().ready().await?;
        let (response, mut stream) = client.send_request(request, body.is_empty())?;
        let sending = async move {
            while !body.is_empty() {
                stream.reserve_capacity(body.len());
                match std::future::poll_fn(|cx| stream.poll_capacity(cx)).await {
                    Some(Ok(room)) => {
                        let part = body.split_to(room.min(body.len()));
                        stream.send_data(part, body.is_empty())?;
                    }
                    // The server has responded without waiting for the rest of the request.
                    Some(Err(_)) | None => return Ok(stream),
                }
            }
            Ok::<_, h2::Error>(stream)
        };
        let (response, sent) = tokio::join!(response, sending);
        let _stream = sent?;
        let (head, mut body) = response?.into_parts();
        let mut data = BytesMut::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            data.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: data.freeze(),
            trailers: body.trailers().await?.unwrap_or_default(),
        })
    }

    pub(super) async fn echo(&self, said: &str) -> String {
        let answer = self.call("/test.Test/Echo", &[], text(said)).await;
        answer.texts().concat()
    }
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        let value = self.trailers.get(name).or_else(|| self.headers.get(name));
        value.map(|value| value.to_str().unwrap())
    }

    /// Whether the headers or the trailers contain a field.
    pub(super) fn says(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    pub(super) fn code(&self) -> u32 {
        self.field("grpc-status").unwrap().parse().unwrap()
    }

    pub(super) fn message(&self) -> &str {
        self.field("grpc-message").unwrap_or_default()
    }

    pub(super) fn messages(&self) -> Vec<Bytes> {
        let mut rest = self.body.clone();
        let mut all = Vec::new();
        while !rest.is_empty() {
            assert_eq!(rest[0], 0);
            let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
            all.push(rest.slice(5..5 + length));
            rest = rest.slice(5 + length..);
        }
        all
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let messages = self.messages();
        let read = |message| Codec::Protobuf.decode::<Text>(message, usize::MAX);
        messages
            .iter()
            .map(|message| read(message).unwrap().0)
            .collect()
    }
}

/// Splits an HTTP/1 response into its head and its body, with the chunks joined.
pub(super) fn split(response: &[u8]) -> (String, Vec<u8>) {
    let end = response.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, mut rest) = response.split_at(end.expect("a head") + 4);
    let head = String::from_utf8(head.to_vec()).unwrap();
    if !head.contains("transfer-encoding: chunked") {
        return (head, rest.to_vec());
    }
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (head, body);
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
}

/// Splits a body into frames: flag and bytes.
pub(super) fn frames(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut all = Vec::new();
    while let [flag, a, b, c, d, rest @ ..] = body {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        all.push((*flag, rest[..length].to_vec()));
        body = &rest[length..];
    }
    assert!(body.is_empty(), "{body:?}");
    all
}
