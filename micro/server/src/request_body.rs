//! Requests whose one message is the whole body, as in unary calls and REST.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body::Body as _;

use crate::body::Incoming;
use crate::buffers::Intake;
use crate::failure::Failure;
use crate::request_stream::{broken, too_large};
use crate::server_call::{ServerCall, unread};
use micro_message::codec::Codec;
use micro_message::error::{Error, Result};
use micro_wake::Held;
use micro_wire::Compression;
use micro_wire::headers;

/// Returns the compression of a request body.
///
/// # Errors
///
/// `Unimplemented` when the compression is unknown, or when the body is compressed more than once.
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

/// Refuses an empty text, which is not JSON.
///
/// # Errors
///
/// `InvalidArgument`, which says what an empty request is.
pub(super) fn ensure_json(codec: Codec, bytes: &[u8]) -> Result<()> {
    if codec == Codec::Json && bytes.trim_ascii().is_empty() {
        return Err(Error::invalid_argument(
            "the request has no JSON; the empty request is `{}`",
        ));
    }
    Ok(())
}

/// Reads and decompresses the message of a request, within the call's deadline and the method's
/// limit.
pub(super) async fn read(
    exchange: &ServerCall<'_>,
    compression: Option<Compression>,
    body: Incoming,
) -> Result<Bytes, Failure> {
    exchange.room().await?;
    let limit = exchange.limit();
    let intake = exchange.connection.buffers.intake();
    let message = message(body, limit, compression, intake);
    let (message, held) = exchange.in_time(message).await.map_err(unread)?;
    exchange.hold(held);
    Ok(message)
}

async fn message(
    body: Incoming,
    limit: usize,
    compression: Option<Compression>,
    mut intake: Intake,
) -> Result<(Bytes, Option<Held>)> {
    let mut bytes = collect(body, limit, &mut intake).await?;
    // An empty body is an empty message, whether or not a compression is named.
    let compression = compression.filter(|_| !bytes.is_empty());
    // How large a compressed message will be is known only after it is decompressed.
    let length = compression.map_or(bytes.len(), |_| limit);
    poll_fn(|cx| intake.poll_admit(cx, length, bytes.len())).await?;
    if let Some(way) = compression {
        bytes = way.decompress(&bytes, limit)?.into();
    }
    let held = intake.admitted(bytes.len())?;
    Ok((bytes, held))
}

/// Reads a whole body. A body that is too large is refused before it is buffered.
async fn collect(mut body: Incoming, limit: usize, intake: &mut Intake) -> Result<Bytes> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large(announced, limit));
    }
    let (mut first, mut more) = (Bytes::new(), BytesMut::new());
    loop {
        let here = first.len() + more.len();
        let frame = poll_fn(|cx| {
            // Data that may be all of the body also has to wait for the end of the request.
            if here > 0 && !body.is_end_stream() {
                let length = announced.max(here.saturating_mul(2)).min(limit);
                ready!(intake.poll_reserve(cx, length.max(here), here))?;
            }
            if let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(cx) {
                intake.progress();
                return Poll::Ready(Ok(frame));
            }
            Poll::Ready(Err(ready!(intake.poll_stalled(cx))))
        });
        let Some(frame) = frame.await? else { break };
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
