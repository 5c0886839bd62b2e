//! Entry points for fuzzing: the parsers of responses, without a network. Not part of the public
//! API.

use std::hint::black_box;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use crate::connection::frames::MessageReader;
use crate::connection::status;

/// Maximum size of a message that [`frames`] accepts, in bytes.
pub const LIMIT: usize = 64 << 10;

/// Decodes a response body that arrives in chunks of `size` bytes. Returns its messages and the
/// error at its end; `None` if it ends after a complete message.
pub fn frames(body: &[u8], size: usize, encoding: Option<&str>) -> (Vec<Bytes>, Option<String>) {
    let mut head = HeaderMap::new();
    if let Some(value) = encoding.and_then(|name| HeaderValue::from_str(name).ok()) {
        head.insert("grpc-encoding", value);
    }
    let mut frames = MessageReader::new(&head, LIMIT);
    let mut messages = Vec::new();
    for piece in body.chunks(size.max(1)) {
        frames.push(Bytes::copy_from_slice(piece));
        loop {
            match frames.next() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(failure) => return (messages, Some(failure.error.to_string())),
            }
        }
    }
    let cut = (!frames.is_between()).then(|| "cut".to_owned());
    (messages, cut)
}

/// Parses a status, its message and its details, which are separate lines.
pub fn status(lines: &[u8]) {
    let mut fields = HeaderMap::new();
    let names = ["grpc-status", "grpc-message", "grpc-status-details-bin"];
    for (name, line) in names.into_iter().zip(lines.split(|&byte| byte == b'\n')) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            fields.insert(name, value);
        }
    }
    if let Some(Err(failure)) = status::status(&fields) {
        black_box(failure.error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_survived_and_cuts_make_no_difference() {
        let mut random = fastrand::Rng::with_seed(17);
        for _ in 0..2_000 {
            let mut body: Vec<_> = [0, 0, 0, 0, 2, b'h', b'i'].repeat(random.usize(..4));
            body.extend((0..random.usize(..12)).map(|_| random.u8(..4)));
            let whole = frames(&body, usize::MAX, None);
            for size in 1..=body.len() {
                assert_eq!(frames(&body, size, None), whole, "{size} {body:?}");
            }
            let text = (0..40).map(|_| b"5\n%aF0=CgN"[random.usize(..10)]);
            status(&text.collect::<Vec<_>>());
        }
    }
}
