//! Statuses of gRPC: code, percent-encoded message, details.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::headers;
use micro_message::error::{Error, ErrorKind};
use micro_message::metadata::Metadata;

/// Bytes of a message that are sent: clients refuse headers of more than 8 KiB in all.
const LONGEST_MESSAGE: usize = 2048;

/// Bytes of details that are sent, for the same reason.
const LARGEST_DETAILS: usize = 4096;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// What follows the messages of a call: its status, and the reply's trailing metadata.
pub(crate) fn trailers(outcome: Result<(), &Error>, metadata: &Metadata) -> HeaderMap {
    let room = if outcome.is_ok() { 1 } else { 3 };
    let mut trailers = HeaderMap::with_capacity(room + metadata.len());
    match outcome {
        Ok(()) => {
            trailers.insert(STATUS, HeaderValue::from_static("0"));
        }
        Err(error) => write(error, &mut trailers),
    }
    if let Err(error) = headers::write(metadata, &mut trailers) {
        tracing::warn!(%error, "metadata after a reply left out");
    }
    trailers
}

/// Adds the status of a failed call.
pub(super) fn write(error: &Error, headers: &mut HeaderMap) {
    headers.insert(STATUS, code(error.kind()));
    let message = HeaderValue::from_str(&percent_encoded(shortened(error.message())));
    headers.insert(
        MESSAGE,
        message.expect("percent-encoding leaves visible ASCII"),
    );
    if error.details().is_empty() {
        return;
    }
    let details = details(error);
    if details.len() > LARGEST_DETAILS {
        let bytes = details.len();
        tracing::warn!(
            bytes,
            "details of an error not sent: too large for a header"
        );
        return;
    }
    let details = HeaderValue::from_str(&STANDARD_NO_PAD.encode(details));
    headers.insert(DETAILS, details.expect("base64 is visible ASCII"));
}

fn code(kind: ErrorKind) -> HeaderValue {
    const CODES: [&str; 17] = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    ];
    let code = usize::try_from(kind.grpc_code()).ok();
    let code = code.and_then(|code| CODES.get(code)).copied();
    HeaderValue::from_static(code.unwrap_or("2"))
}

/// As much of a message as is sent.
fn shortened(message: &str) -> &str {
    let mut end = message.len().min(LONGEST_MESSAGE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

fn percent_encoded(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for byte in message.bytes() {
        if (0x20..0x7f).contains(&byte) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string takes everything");
        }
    }
    out
}

/// `google.rpc.Status` in protobuf: code, message, details.
fn details(error: &Error) -> Vec<u8> {
    let mut out = Vec::new();
    out.push(1 << 3);
    varint(error.kind().grpc_code() as usize, &mut out);
    field(2, shortened(error.message()).as_bytes(), &mut out);
    for detail in error.details() {
        let mut any = Vec::new();
        let url = format!("type.googleapis.com/{}", detail.name);
        field(1, url.as_bytes(), &mut any);
        field(2, &detail.value, &mut any);
        field(3, &any, &mut out);
    }
    out
}

fn field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(low(value) | 0x80);
        value >>= 7;
    }
    out.push(low(value));
}

fn low(value: usize) -> u8 {
    u8::try_from(value & 0x7f).expect("seven bits fit")
}

#[cfg(test)]
mod tests {
    use super::*;
    use micro_message::error::Detail;

    fn trailers(error: &Error) -> HeaderMap {
        super::trailers(Err(error), &Metadata::new())
    }

    #[test]
    fn messages_are_percent_encoded() {
        let trailers = trailers(&Error::not_found("100 % of „a“\r\nb"));
        assert_eq!(trailers["grpc-status"], "5");
        assert_eq!(
            trailers["grpc-message"],
            "100 %25 of %E2%80%9Ea%E2%80%9C%0D%0Ab"
        );
        assert!(!trailers.contains_key("grpc-status-details-bin"));
    }

    #[test]
    fn details_are_a_status_message() {
        let error = Error::aborted("no").with_detail(Detail::new("a.B", [1, 2, 3]));
        let sent = trailers(&error);
        let bytes = STANDARD_NO_PAD
            .decode(&sent["grpc-status-details-bin"])
            .unwrap();
        let any = b"\x0a\x17type.googleapis.com/a.B\x12\x03\x01\x02\x03";
        let mut expected = b"\x08\x0a\x12\x02no\x1a".to_vec();
        expected.push(u8::try_from(any.len()).unwrap());
        expected.extend_from_slice(any);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let sent = trailers(&Error::internal("ä".repeat(5000)));
        assert_eq!(sent["grpc-message"].len(), LONGEST_MESSAGE * 3);
    }
}
