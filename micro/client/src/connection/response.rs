//! What a reply may be, and whether its head says so.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use crate::failure::{Failure, Progress};
use micro_message::codec::Codec;
use micro_message::error::{Error, ErrorKind};
use micro_wire::grpc;

/// What a reply may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseLimits {
    /// The codec of the request, which the reply has to have.
    pub(crate) codec: Codec,
    /// The longest message.
    pub(crate) message: usize,
    /// The most memory that decoding it may take.
    pub(crate) memory: usize,
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
        return Err(Failure::new(Progress::Answered, error));
    }
    let Some(codec) = grpc::codec(text.trim_start().as_bytes()) else {
        let text = format!(
            "the peer answered with content type `{}`: it does not speak gRPC",
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
