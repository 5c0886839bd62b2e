//! What goes out as gRPC: a message or messages, then a status.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Waker, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{HeaderName, Response};
use tokio::time::Sleep;

use crate::codec::Codec;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::handler::{Body, MethodInfo, Payload, PayloadStream, Reply};
use crate::metadata::Metadata;
use crate::server::grpc::frame::PREFIX;
use crate::server::grpc::status;
use crate::server::headers;
use crate::server::reply::{HttpReply, ReplyBody};

pub(in crate::server) use crate::server::grpc::status::ok;

/// The room that a message of unknown size starts with.
const ROOM: usize = 256;

/// The response to a call that has been answered.
pub(super) fn reply(
    answer: Reply,
    codec: Codec,
    context: &Context,
    method: &Arc<MethodInfo>,
) -> Result<HttpReply> {
    let (metadata, body) = answer.into_parts();
    let body = match body {
        Body::One(payload) => ReplyBody::message(encode(&payload, codec)?),
        Body::Many(stream) => ReplyBody::messages(Messages {
            stream,
            codec,
            deadline: context
                .deadline()
                .map(|deadline| Box::pin(tokio::time::sleep_until(deadline))),
            method: Arc::clone(method),
        }),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    *headers = HeaderMap::with_capacity(1 + metadata.len());
    headers.insert(CONTENT_TYPE, content_type(codec));
    headers::write(&metadata, headers)?;
    Ok(response)
}

/// The response to a call that fails before its first message: headers alone.
pub(in crate::server) fn refuse(error: &Error) -> HttpReply {
    refuse_with(error, &Metadata::new())
}

/// The same with the metadata that the handler has set.
pub(super) fn refuse_with(error: &Error, metadata: &Metadata) -> HttpReply {
    let mut response = Response::new(ReplyBody::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type(Codec::Protobuf));
    if let Err(error) = headers::write(metadata, headers) {
        tracing::warn!(%error, "metadata of a failed call left out");
    }
    status::write(error, headers);
    if error.kind() == crate::error::ErrorKind::Unimplemented {
        headers.insert(
            HeaderName::from_static("grpc-accept-encoding"),
            HeaderValue::from_static("identity"),
        );
    }
    response
}

fn content_type(codec: Codec) -> HeaderValue {
    HeaderValue::from_static(match codec {
        Codec::Protobuf => "application/grpc",
        Codec::Json => "application/grpc+json",
    })
}

/// A message with its prefix, in one piece of memory.
fn encode(payload: &Payload, codec: Codec) -> Result<Bytes> {
    let room = match payload {
        Payload::Encoded { bytes, .. } => PREFIX + bytes.len(),
        Payload::Value(_) => ROOM,
    };
    let mut out = Vec::with_capacity(room);
    out.extend_from_slice(&[0; PREFIX]);
    payload.write(codec, &mut out)?;
    let length = out.len() - PREFIX;
    let length = u32::try_from(length).map_err(|_| {
        Error::resource_exhausted(format!(
            "the reply takes {length} bytes; gRPC carries at most {}",
            u32::MAX
        ))
    })?;
    out[1..PREFIX].copy_from_slice(&length.to_be_bytes());
    Ok(out.into())
}

/// The messages of a streaming reply, each sent as it comes.
pub(in crate::server) struct Messages {
    stream: PayloadStream,
    codec: Codec,
    deadline: Option<Pin<Box<Sleep>>>,
    method: Arc<MethodInfo>,
}

impl Messages {
    /// The next message, or the trailers after the last.
    pub(in crate::server) fn poll_next(
        &mut self,
        waker: &mut Waker<'_>,
    ) -> Poll<Result<Bytes, HeaderMap>> {
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(waker).is_ready()
        {
            let path = &self.method.path;
            let error =
                Error::deadline_exceeded(format!("`{path}` was still sending at the deadline"));
            return Poll::Ready(Err(status::trailers(&error)));
        }
        self.stream.poll(waker).map(|next| {
            let message = next.ok_or_else(ok)?;
            message
                .and_then(|payload| encode(&payload, self.codec))
                .map_err(|error| status::trailers(&error))
        })
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("method", &self.method.path)
            .finish_non_exhaustive()
    }
}
