//! Reading one unary reply: headers, one message, trailers, each as hostile as it may be.

use bytes::Bytes;
use h2::RecvStream;
use h2::client::ResponseFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use crate::connection::Connection;
use crate::connection::frames::{Frames, answered, nonsense};
use crate::connection::status::{collect, status};
use crate::failure::{Failure, Reach};
use micro_core::handler::{Body, Payload, Reply};
use micro_message::codec::Codec;
use micro_message::error::{Error, ErrorKind};
use micro_message::metadata::Metadata;
use micro_wire::grpc;

/// What a reply may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The codec of the request, which the reply has to have.
    pub(crate) codec: Codec,
    /// The longest message.
    pub(crate) message: usize,
    /// The most memory that decoding it may take.
    pub(crate) memory: usize,
}

impl Connection {
    /// Waits for the reply to a request and reads it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the call at the peer.
    pub(crate) async fn receive(
        &self,
        mut response: ResponseFuture,
        limits: Limits,
    ) -> Result<Reply, Failure> {
        let (head, mut body) = match (&mut response).await {
            Ok(response) => response.into_parts(),
            Err(error) => return Err(self.broken(&error, response.stream_id().as_u32())),
        };
        let only = body
            .is_end_stream()
            .then(|| status(&head.headers))
            .flatten();
        if let Some(Err(failure)) = only {
            return Err(failure);
        }
        let codec = codec(head.status, &head.headers, limits.codec)?;
        let frames = Frames::new(&head.headers, limits.message);
        let (message, is_cut) = self.message(&mut body, frames).await?;
        let trailers = match body.trailers().await {
            Ok(trailers) => trailers.unwrap_or_default(),
            Err(error) => return Err(self.broken(&error, body.stream_id().as_u32())),
        };
        match status(&trailers).or(only) {
            // Why it failed says more than that something of a message came before.
            Some(Err(mut failure)) => {
                let mut metadata = Metadata::new();
                collect(&head.headers, &mut metadata);
                metadata.extend(failure.error.metadata().clone());
                failure.error = failure.error.with_metadata(metadata);
                return Err(failure);
            }
            _ if is_cut => return Err(nonsense("the reply's message is cut off")),
            Some(Ok(())) => {}
            None => return Err(nonsense("the reply ended without a status")),
        }
        let Some(bytes) = message else {
            return Err(answered(
                ErrorKind::Unimplemented,
                "the reply has a status but no message",
            ));
        };
        let mut reply = Reply::from_body(Body::One(Payload::Encoded {
            codec,
            bytes,
            memory: limits.memory,
        }));
        collect(&head.headers, reply.metadata_mut());
        collect(&trailers, reply.trailers_mut());
        Ok(reply)
    }

    /// The one message of a body, `None` when there is none; and whether a piece of one is left.
    async fn message(
        &self,
        body: &mut RecvStream,
        mut frames: Frames,
    ) -> Result<(Option<Bytes>, bool), Failure> {
        let mut found = None;
        while let Some(chunk) = body.data().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Err(self.broken(&error, body.stream_id().as_u32())),
            };
            if let Err(error) = body.flow_control().release_capacity(chunk.len()) {
                return Err(self.broken(&error, body.stream_id().as_u32()));
            }
            frames.push(chunk);
            while let Some(message) = frames.next()? {
                if found.replace(message).is_some() {
                    return Err(answered(
                        ErrorKind::Unimplemented,
                        "the reply has more than one message",
                    ));
                }
            }
        }
        Ok((found, !frames.is_between()))
    }
}

/// The codec of a reply's message.
pub(super) fn codec(
    status: StatusCode,
    headers: &HeaderMap,
    asked: Codec,
) -> Result<Codec, Failure> {
    let text = headers
        .get(CONTENT_TYPE)
        .map_or("", |text| text.to_str().unwrap_or("?"));
    if status != StatusCode::OK {
        let text = format!("the peer answered with HTTP status {}", status.as_u16());
        let error = Error::new(ErrorKind::from_http_status(status.as_u16()), text);
        return Err(Failure::new(Reach::Answered, error));
    }
    let Some(codec) = grpc::codec(text.trim_start().as_bytes()) else {
        let text = format!(
            "the peer answered with content type `{}`: it does not speak gRPC",
            text.escape_debug()
        );
        return Err(Failure::new(Reach::Answered, Error::unknown(text)));
    };
    if codec != asked {
        let text = format!("the peer answered in {codec:?} where {asked:?} was sent");
        return Err(Failure::new(Reach::Answered, Error::internal(text)));
    }
    Ok(codec)
}
