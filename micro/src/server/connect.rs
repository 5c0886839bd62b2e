//! Connect: unary calls as plain HTTP, in JSON or protobuf; what curl and browsers speak.
//!
//! Does not carry streams yet.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::ready;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::codec::Codec;
use crate::context::{Caller, Context};
use crate::error::{Error, Result};
use crate::handler::{Body, Call, Route};
use crate::metadata::Metadata;
use crate::server::calls::CallGuard;
use crate::server::config::Limits;
use crate::server::grpc::{gone, late, payload};
use crate::server::headers;
use crate::server::io::Stall;
use crate::server::peer::Peer;
use crate::server::reply::{HttpReply, ReplyBody, plain};

/// The codec of a content type of Connect's unary calls; `None` for every other.
pub(super) fn codec(content_type: &[u8]) -> Option<Codec> {
    let end = content_type.iter().position(|&byte| byte == b';');
    match content_type[..end.unwrap_or(content_type.len())].trim_ascii() {
        kind if kind.eq_ignore_ascii_case(b"application/json") => Some(Codec::Json),
        kind if kind.eq_ignore_ascii_case(b"application/proto") => Some(Codec::Protobuf),
        _ => None,
    }
}

/// Answers a call that came as Connect.
pub(super) async fn serve(
    peer: &Arc<Peer>,
    route: &Route,
    request: Request<Incoming>,
    codec: Codec,
) -> HttpReply {
    let guard = CallGuard::new(Arc::clone(peer), &route.method);
    match call(peer, route, request, codec).await {
        Ok(reply) => reply.map(|body| body.during(guard)),
        Err(error) => refuse(&error),
    }
}

async fn call(
    peer: &Arc<Peer>,
    route: &Route,
    request: Request<Incoming>,
    codec: Codec,
) -> Result<HttpReply> {
    let (head, body) = request.into_parts();
    let (path, limits) = (&route.method.path, &peer.shared.limits);
    if route.method.kind.streams_requests() || route.method.kind.streams_replies() {
        return Err(Error::unimplemented(format!(
            "`{path}` carries streams; call it over gRPC"
        )));
    }
    check(&head.headers)?;
    let metadata = headers::metadata(&head.headers, limits.metadata)?;
    let mut context = Context::new()
        .with_caller(Caller::new(Some(peer.address), "connect"))
        .with_metadata(metadata);
    if let Some(timeout) = head.headers.get("connect-timeout-ms") {
        context = context.with_timeout(milliseconds(timeout)?);
    }
    let time = context.remaining();
    let late = || late(path, time);
    let bytes = context.limit(collect(body, limits), late).await?;
    let body = Body::One(payload(bytes, codec, limits.memory()));
    let call = Call::new(context.clone(), Arc::clone(&route.method), body);
    match route.run(call).await {
        Ok(reply) => {
            let (metadata, body) = reply.into_parts();
            let mut bytes = Vec::new();
            body.into_one()?.write(codec, &mut bytes)?;
            let mut response = Response::new(ReplyBody::full(bytes));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, content_type(codec));
            headers::write(&metadata, headers)?;
            Ok(response)
        }
        Err(error) => Ok(refuse_with(&error, &context.take_reply_metadata())),
    }
}

/// The response to a call that fails.
pub(super) fn refuse(error: &Error) -> HttpReply {
    refuse_with(error, &Metadata::new())
}

fn refuse_with(error: &Error, metadata: &Metadata) -> HttpReply {
    let status = StatusCode::from_u16(error.kind().http_status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = plain(status, "application/json", body(error));
    if let Err(error) = headers::write(metadata, response.headers_mut()) {
        tracing::warn!(%error, "metadata of a failed call left out");
    }
    response
}

/// An error as Connect writes it.
pub(super) fn body(error: &Error) -> String {
    let mut json = serde_json::json!({
        "code": error.kind().name(),
        "message": error.message(),
    });
    if !error.details().is_empty() {
        let details = error.details().iter().map(|detail| {
            serde_json::json!({
                "type": detail.name,
                "value": STANDARD_NO_PAD.encode(&detail.value),
            })
        });
        json["details"] = details.collect();
    }
    json.to_string()
}

fn content_type(codec: Codec) -> HeaderValue {
    HeaderValue::from_static(match codec {
        Codec::Protobuf => "application/proto",
        Codec::Json => "application/json",
    })
}

fn check(headers: &HeaderMap) -> Result<()> {
    let shown = |value: &HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes());
        text.escape_debug().to_string()
    };
    if let Some(version) = headers.get("connect-protocol-version")
        && version != "1"
    {
        let version = shown(version);
        return Err(Error::invalid_argument(format!(
            "`connect-protocol-version: {version}` is not spoken here; send `1`"
        )));
    }
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(Error::unimplemented(format!(
            "the request is compressed with `{}`; this server accepts `identity`",
            shown(encoding)
        ))),
        _ => Ok(()),
    }
}

/// Reads `connect-timeout-ms`: at most ten digits.
fn milliseconds(value: &HeaderValue) -> Result<Duration> {
    let digits = value.to_str().ok().filter(|text| {
        (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    });
    let number = digits.and_then(|digits| digits.parse().ok());
    number.map(Duration::from_millis).ok_or_else(|| {
        Error::invalid_argument(format!(
            "`connect-timeout-ms: {}` must be one to ten digits",
            String::from_utf8_lossy(value.as_bytes()).escape_debug()
        ))
    })
}

/// Reads a whole body, which is refused before it is buffered if it is too large.
async fn collect(mut body: Incoming, limits: &Limits) -> Result<Bytes> {
    let too_large = |bytes: u64| {
        let limit = limits.message;
        Error::resource_exhausted(format!(
            "the message takes {bytes} bytes; this server accepts at most {limit}"
        ))
    };
    let announced = body.size_hint().lower();
    if announced > limits.message as u64 {
        return Err(too_large(announced));
    }
    let mut stall = Stall::new(limits.stall_timeout);
    let (mut first, mut more) = (Bytes::new(), BytesMut::new());
    loop {
        let frame = poll_fn(|waker| {
            if let std::task::Poll::Ready(frame) = Pin::new(&mut body).poll_frame(waker) {
                stall.progress();
                return std::task::Poll::Ready(Ok(frame));
            }
            std::task::Poll::Ready(Err(ready!(stall.poll(waker))))
        });
        let frame = frame.await.map_err(|timeout| {
            Error::deadline_exceeded(format!("the request made no progress for {timeout:?}"))
        })?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(gone)?.into_data() else {
            continue;
        };
        let length = first.len() + more.len() + data.len();
        if length > limits.message {
            return Err(too_large(length as u64));
        }
        if first.is_empty() && more.is_empty() {
            first = data;
        } else {
            more.extend_from_slice(&std::mem::take(&mut first));
            more.extend_from_slice(&data);
        }
    }
    Ok(if more.is_empty() {
        first
    } else {
        more.freeze()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Detail;

    #[test]
    fn content_types() {
        assert_eq!(codec(b"application/json"), Some(Codec::Json));
        assert_eq!(codec(b"Application/JSON; charset=utf-8"), Some(Codec::Json));
        assert_eq!(codec(b"application/proto"), Some(Codec::Protobuf));
        assert_eq!(codec(b"application/connect+json"), None);
        assert_eq!(codec(b"application/x-www-form-urlencoded"), None);
    }

    #[test]
    fn errors_are_connect_s_json() {
        let error = Error::not_found("no „x“").with_detail(Detail::new("a.B", [1]));
        let json: serde_json::Value = serde_json::from_str(&body(&error)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "code": "not_found",
                "message": "no „x“",
                "details": [{"type": "a.B", "value": "AQ"}],
            })
        );
    }

    #[test]
    fn timeouts_are_milliseconds() {
        let read = |text: &str| milliseconds(&HeaderValue::from_str(text).unwrap());
        assert_eq!(read("1500").unwrap(), Duration::from_millis(1500));
        for bad in ["", "1.5", "-1", "12345678901", "1s"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
