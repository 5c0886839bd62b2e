//! Limits of a response, and validation of its head.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use crate::failure::{Failure, Progress};
use micro_message::codec::Codec;
use micro_message::error::{Error, ErrorKind};
use micro_wire::grpc;

/// Limits of a response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseLimits {
    /// Codec of the request, which the response has to use as well.
    pub(crate) codec: Codec,
    /// Maximum size of a message, in bytes.
    pub(crate) message: usize,
    /// Maximum memory that decoding a message may take, in bytes.
    pub(crate) memory: usize,
}

/// Validates the head of a response and returns the codec of its messages.
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
        return Err(Failure::new(Progress::Answered, error));
    }
    let Some(codec) = grpc::codec(text.trim_start().as_bytes()) else {
        let text = format!(
            "the peer answered with content type `{}`: it does not support gRPC",
            text.escape_debug()
        );
        return Err(Failure::new(Progress::Answered, Error::unknown(text)));
    };
    if codec != asked {
        let text = format!("the peer answered in {codec:?} where {asked:?} was sent");
        return Err(Failure::new(Progress::Answered, Error::internal(text)));
    }
    Ok(codec)
}
