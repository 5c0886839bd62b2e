//! The status of a call: code, percent-encoded message, details; in headers or trailers.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

use micro_message::error::{Detail, Error, ErrorKind};
use micro_message::internal::{Reader, Wire, put_bytes, put_key, put_nested, put_varint};

/// The status code.
pub const STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// The status message, percent-encoded.
pub const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// The status with its details, as `google.rpc.Status` in base64.
pub const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// Maximum number of bytes of a message that are sent: clients reject headers of more than 8 KiB in
/// total.
const MAX_MESSAGE: usize = 2048;

/// Maximum number of bytes of details that are sent, for the same reason.
const MAX_DETAILS: usize = 4096;

/// The ASCII characters that are percent-encoded in a message. The others are visible.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// Encodes without padding, decodes with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Prefix of a detail's type URL.
const TYPE_URL: &str = "type.googleapis.com/";

/// Adds the status of a successful call.
pub fn write_ok(fields: &mut HeaderMap) {
    fields.insert(STATUS, HeaderValue::from_static("0"));
}

/// Adds the status of a failed call: up to three fields.
pub fn write(error: &Error, fields: &mut HeaderMap) {
    fields.insert(STATUS, code(error.kind()));
    let message = shortened(error.message());
    let message = HeaderValue::try_from(utf8_percent_encode(message, ENCODED).to_string());
    fields.insert(
        MESSAGE,
        message.expect("percent-encoding leaves visible ASCII"),
    );
    if error.details().is_empty() {
        return;
    }
    let details = write_details(error);
    if details.len() > MAX_DETAILS {
        let bytes = details.len();
        tracing::warn!(bytes, "error details not sent: too large for a header");
        return;
    }
    let details = HeaderValue::from_str(&BASE64.encode(details));
    fields.insert(DETAILS, details.expect("base64 is visible ASCII"));
}

/// Returns the status in these fields, or `None` if they contain none.
pub fn read(fields: &HeaderMap) -> Option<Result<(), Error>> {
    let code = fields.get(STATUS)?;
    let code = code.to_str().ok().and_then(|code| code.parse::<u32>().ok());
    if code == Some(0) {
        return Some(Ok(()));
    }
    let kind = code.and_then(ErrorKind::from_grpc_code);
    let message = fields.get(MESSAGE).map_or_else(
        || "the service sent no error message".into(),
        |text| percent_decode(text.as_bytes()).decode_utf8_lossy(),
    );
    let mut error = Error::new(kind.unwrap_or(ErrorKind::Unknown), message.into_owned());
    if let Some(details) = fields.get(DETAILS) {
        for detail in read_details(details.as_bytes()) {
            error = error.with_detail(detail);
        }
    }
    Some(Err(error))
}

/// The code in these fields when it is none of gRPC's, as it may be shown.
pub fn strange_code(fields: &HeaderMap) -> Option<String> {
    let sent = fields.get(STATUS)?.as_bytes();
    let code = std::str::from_utf8(sent).ok();
    let code = code.and_then(|code| code.parse::<u32>().ok());
    let known = |code| code == 0 || ErrorKind::from_grpc_code(code).is_some();
    let shown = &sent[..sent.len().min(20)];
    (!code.is_some_and(known)).then(|| shown.escape_ascii().to_string())
}

fn code(kind: ErrorKind) -> HeaderValue {
    const CODES: [&str; 17] = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    ];
    let code = usize::try_from(kind.grpc_code()).ok();
    let code = code.and_then(|code| CODES.get(code)).copied();
    HeaderValue::from_static(code.unwrap_or("2"))
}

/// The part of a message that is sent: at most [`MAX_MESSAGE`] bytes, cut between characters.
fn shortened(message: &str) -> &str {
    let mut end = message.len().min(MAX_MESSAGE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

/// `google.rpc.Status` in protobuf: code, message, details.
fn write_details(error: &Error) -> Vec<u8> {
    let mut out = Vec::new();
    put_key(1, Wire::Varint, &mut out);
    put_varint(u64::from(error.kind().grpc_code()), &mut out);
    put_bytes(2, shortened(error.message()).as_bytes(), &mut out);
    for detail in error.details() {
        put_nested(3, &mut out, |any| {
            put_bytes(1, [TYPE_URL, &detail.name].concat().as_bytes(), any);
            put_bytes(2, &detail.value, any);
        });
    }
    out
}

/// Reads the `details` of an encoded `google.rpc.Status`. It stops at the first malformed field
/// without an error, because the status itself is known without the details.
fn read_details(base64: &[u8]) -> Vec<Detail> {
    let Ok(bytes) = BASE64.decode(base64) else {
        tracing::debug!("status details are not base64");
        return Vec::new();
    };
    byte_fields(&bytes)
        .filter(|(tag, _)| *tag == 3)
        .map(|(_, any)| read_detail(any))
        .collect()
}

/// Reads a `google.protobuf.Any`.
fn read_detail(any: &[u8]) -> Detail {
    let (mut url, mut value) = ("", &[][..]);
    for (tag, bytes) in byte_fields(any) {
        match tag {
            1 => url = std::str::from_utf8(bytes).unwrap_or_default(),
            2 => value = bytes,
            _ => {}
        }
    }
    Detail::new(url.rsplit('/').next().unwrap_or_default(), value)
}

/// The fields of a protobuf message that contain bytes. Ends at the first malformed field.
fn byte_fields(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    // Nothing is copied, so no memory is charged.
    let mut reader = Reader::new(bytes, 0);
    std::iter::from_fn(move || {
        loop {
            match reader.key().ok()?? {
                (tag, Wire::Bytes) => return Some((tag, reader.bytes().ok()?)),
                (tag, wire) => reader.skip(tag, wire).ok()?,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(error: &Error) -> HeaderMap {
        let mut fields = HeaderMap::new();
        write(error, &mut fields);
        fields
    }

    fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(key, value): &(&'static str, &str)| {
            (HeaderName::from_static(key), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn messages_are_percent_encoded() {
        let sent = written(&Error::not_found("100 % of „a“\r\nb~\u{7f}"));
        assert_eq!(sent["grpc-status"], "5");
        assert_eq!(
            sent["grpc-message"],
            "100 %25 of %E2%80%9Ea%E2%80%9C%0D%0Ab~%7F"
        );
        assert!(!sent.contains_key("grpc-status-details-bin"));
    }

    #[test]
    fn details_are_a_status_message() {
        let error = Error::aborted("no").with_detail(Detail::new("a.B", [1, 2, 3]));
        let sent = written(&error);
        let bytes = BASE64.decode(&sent["grpc-status-details-bin"]).unwrap();
        let any = b"\x0a\x17type.googleapis.com/a.B\x12\x03\x01\x02\x03";
        let mut expected = b"\x08\x0a\x12\x02no\x1a".to_vec();
        expected.push(u8::try_from(any.len()).unwrap());
        expected.extend_from_slice(any);
        assert_eq!(bytes, expected);
        let read = read(&sent).unwrap().unwrap_err();
        assert_eq!(read.details(), error.details());
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let sent = written(&Error::internal("ä".repeat(5000)));
        assert_eq!(sent["grpc-message"].len(), MAX_MESSAGE * 3);
    }

    #[test]
    fn status_message_and_details_are_read() {
        // code 5, message "x", one Any of type.googleapis.com/a.B with two bytes.
        let status_proto =
            b"\x08\x05\x12\x01x\x1a\x21\x0a\x1btype.googleapis.com/a.Bcdef\x12\x02hi";
        for padded in [true, false] {
            let mut coded = base64::prelude::BASE64_STANDARD.encode(status_proto);
            if !padded {
                coded.truncate(coded.trim_end_matches('=').len());
            }
            let fields = fields(&[
                ("grpc-status", "5"),
                ("grpc-message", "no caf%C3%A9 100%"),
                ("grpc-status-details-bin", &coded),
            ]);
            let error = read(&fields).unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert_eq!(error.message(), "no café 100%");
            assert_eq!(error.details(), [Detail::new("a.Bcdef", "hi")]);
        }
    }

    #[test]
    fn unparsable_status_is_unknown_and_malformed_details_are_ignored() {
        assert!(read(&HeaderMap::new()).is_none());
        for code in ["", "99", "-1", "five"] {
            let error = read(&fields(&[("grpc-status", code)]))
                .unwrap()
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unknown);
            let strange = strange_code(&fields(&[("grpc-status", code)]));
            assert_eq!(strange.as_deref(), Some(code));
        }
        for code in ["0", "5", "16"] {
            assert_eq!(strange_code(&fields(&[("grpc-status", code)])), None);
        }
        for bytes in [
            &b"\x1a\xff\xff\xff\xff\x0f"[..],
            b"\x80",
            b"\x09\x01",
            b"\x0f",
            b"\x1a\x05\x0a",
        ] {
            let coded = base64::prelude::BASE64_STANDARD.encode(bytes);
            assert_eq!(read_details(coded.as_bytes()), []);
        }
        assert_eq!(read_details(b"!!"), []);
    }

    #[test]
    fn percent_signs_that_escape_nothing_are_kept() {
        for (sent, expected) in [
            ("%", "%"),
            ("%4", "%4"),
            ("%zz%", "%zz%"),
            ("%%41", "%A"),
            ("a%0", "a%0"),
            ("%C3", "\u{fffd}"),
            ("%c3%a9%E9", "é\u{fffd}"),
            ("%00", "\0"),
        ] {
            let fields = fields(&[("grpc-status", "2"), ("grpc-message", sent)]);
            let error = read(&fields).unwrap().unwrap_err();
            assert_eq!(error.message(), expected, "{sent}");
        }
    }
}
