//! The one message that is a whole body, as unary calls and REST have it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body::Body as _;

use crate::body::Incoming;
use crate::exchange::Exchange;
use crate::requests::{broken, too_large};
use crate::timeouts::Stall;
use micro_message::error::{Error, Result};
use micro_wire::Compression;
use micro_wire::headers;

/// What a body is compressed with.
///
/// # Errors
///
/// `Unimplemented` when that is not known here, or more than one thing.
pub(super) fn coding(headers: &HeaderMap) -> Result<Option<Compression>> {
    let list = headers::list(headers, &CONTENT_ENCODING);
    let codings = list.split(',').map(str::trim);
    let mut codings =
        codings.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"));
    match (codings.next(), codings.next()) {
        (None, _) => Ok(None),
        (Some(name), None) => {
            let mut all = Compression::ALL.iter();
            let known = all.find(|way| way.is_named(name));
            Compression::find(known.map_or(name, |way| way.name()))
        }
        (Some(_), Some(_)) => Err(Error::unimplemented(format!(
            "the body is compressed more than once; supported: {}",
            Compression::accepted()
        ))),
    }
}

/// The message of a request, decompressed; within the call's time and the method's limit.
pub(super) async fn read(
    exchange: &Exchange<'_>,
    compression: Option<Compression>,
    body: Incoming,
) -> Result<Bytes> {
    let (limit, limits) = (exchange.limit(), &exchange.connection.server.limits);
    let bytes = collect(body, limit, limits.stall_timeout);
    let bytes = exchange.in_time(bytes).await?;
    match compression {
        // No bytes at all stand for no message, compressed or not.
        Some(way) if !bytes.is_empty() => Ok(way.decompress(&bytes, limit)?.into()),
        _ => Ok(bytes),
    }
}

/// Reads a whole body, which is refused before it is buffered if it is too large.
async fn collect(mut body: Incoming, limit: usize, stall_timeout: Duration) -> Result<Bytes> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large(announced, limit));
    }
    let mut stall = Stall::new(stall_timeout);
    let (mut first, mut more) = (Bytes::new(), BytesMut::new());
    loop {
        let frame = poll_fn(|waker| {
            if let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(waker) {
                stall.progress();
                return Poll::Ready(Ok(frame));
            }
            Poll::Ready(Err(ready!(stall.poll(waker))))
        });
        let frame = frame.await.map_err(|timeout| {
            Error::deadline_exceeded(format!("the request made no progress for {timeout:?}"))
        })?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        let length = first.len() + more.len() + data.len();
        if length > limit {
            return Err(too_large(length, limit));
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
