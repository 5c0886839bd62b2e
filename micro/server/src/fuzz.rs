//! Entry points for fuzzing the parsers of untrusted input, without a network. Not a public API.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderValue;
use http_body::{Body, Frame};

use crate::buffers::{Buffers, Totals};
use crate::config::Limits;
use crate::connect;
use crate::connect::query;
use crate::grpc::base64::Decoded;
use crate::request_stream::{BodyError, FrameReader};
use micro_wire::grpc;

/// Maximum size of a message that [`frames`] and [`text_frames`] accept, in bytes.
pub const LIMIT: usize = 64 << 10;

/// Returns the messages in a gRPC, gRPC-Web or Connect body that arrives in pieces of `size` bytes,
/// and the error that ended it.
pub fn frames(body: &[u8], size: usize, encoding: Option<&str>) -> (Vec<Bytes>, Option<String>) {
    read(Pieces::new(body, size), encoding)
}

/// Like [`frames`], in base64 as in gRPC-Web's text format.
pub fn text_frames(body: &[u8], size: usize) -> (Vec<Bytes>, Option<String>) {
    read(Decoded::new(Pieces::new(body, size)), None)
}

/// Returns the message in the query of a Connect GET.
pub fn query(query: &str) -> Option<Bytes> {
    let asked = query::read(query, LIMIT).ok().map(|asked| asked.message);
    black_box(query::read_json(query, LIMIT).is_ok());
    asked
}

/// Parses a header value as a content type and as a timeout.
pub fn header(value: &[u8]) {
    black_box((grpc::codec(value), connect::call_format(value)));
    if let Ok(value) = HeaderValue::from_bytes(value) {
        black_box((
            grpc::timeout::read(&value).is_ok(),
            connect::milliseconds(&value).is_ok(),
        ));
    }
}

fn read<B>(body: B, encoding: Option<&str>) -> (Vec<Bytes>, Option<String>)
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Unpin,
{
    let encoding = encoding.and_then(|name| HeaderValue::from_str(name).ok());
    let limits = Limits::default();
    let buffers = Buffers::new(&limits, &Totals::new(&limits));
    let mut frames = FrameReader::new(body, LIMIT, &buffers, encoding.as_ref());
    let mut cx = Context::from_waker(Waker::noop());
    let mut messages = Vec::new();
    loop {
        match frames.poll_next(&mut cx, true) {
            Poll::Ready(Ok(Some(message))) => {
                assert!(message.len() <= LIMIT, "longer than the limit");
                messages.push(message);
            }
            Poll::Ready(Ok(None)) => return (messages, None),
            Poll::Ready(Err(error)) => return (messages, Some(error.to_string())),
            Poll::Pending => unreachable!("the body never waits"),
        }
    }
}

/// A body that is completely available, in pieces.
#[derive(Debug)]
struct Pieces {
    rest: Bytes,
    size: usize,
}

impl Pieces {
    fn new(bytes: &[u8], size: usize) -> Self {
        Self {
            rest: Bytes::copy_from_slice(bytes),
            size: size.max(1),
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let size = self.size.min(self.rest.len());
        let piece = self.rest.split_to(size);
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use micro_wire::grpc::frame::write;

    /// Random bodies from a fixed seed, each a series of valid and broken frames.
    fn bodies() -> impl Iterator<Item = Vec<u8>> {
        let mut random = fastrand::Rng::with_seed(7);
        (0..300).map(move |_| {
            let mut body = Vec::new();
            for _ in 0..random.usize(..5) {
                let message: Vec<_> = (0..random.usize(..40)).map(|_| random.u8(..)).collect();
                write(random.u8(..20) / 17, &message, &mut body);
            }
            body.truncate(body.len() - random.usize(..=body.len().min(3)));
            body
        })
    }

    #[test]
    fn where_a_body_is_cut_makes_no_difference() {
        for body in bodies() {
            let whole = frames(&body, usize::MAX, None);
            let text = STANDARD.encode(&body);
            for size in 1..=body.len() + 1 {
                assert_eq!(frames(&body, size, None), whole, "{size} {body:?}");
                assert_eq!(text_frames(text.as_bytes(), size), whole, "{size} {body:?}");
            }
        }
    }

    #[test]
    fn rubbish_is_survived() {
        for body in bodies() {
            header(&body);
            query(&String::from_utf8_lossy(&body));
            text_frames(&body, 3);
        }
    }
}
