//! Status and metadata of a reply, out of its headers or trailers.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;

use crate::failure::{Failure, Reach};
use micro_message::error::{Detail, Error, ErrorKind};
use micro_message::metadata::Metadata;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a server adds to `Unavailable` when no handler has seen the call.
pub(super) const NOT_HANDLED: &str = "micro-not-handled";

/// The status in these fields; `None` when there is none.
pub(super) fn status(fields: &HeaderMap) -> Option<Result<(), Failure>> {
    let code = fields.get("grpc-status")?;
    let code = code.to_str().ok().and_then(|code| code.parse::<u32>().ok());
    if code == Some(0) {
        return Some(Ok(()));
    }
    let kind = code.and_then(ErrorKind::from_grpc_code);
    let message = fields.get("grpc-message").map_or_else(
        || "the service gave no reason".to_owned(),
        |text| percent_decoded(text.as_bytes()),
    );
    let mut error = Error::new(kind.unwrap_or(ErrorKind::Unknown), message);
    if let Some(details) = fields.get("grpc-status-details-bin") {
        for detail in details_of(details.as_bytes()) {
            error = error.with_detail(detail);
        }
    }
    let mut metadata = Metadata::new();
    collect(fields, &mut metadata);
    let mut failure = Failure::answered(error.with_metadata(metadata));
    if fields.contains_key(NOT_HANDLED) {
        failure.reach = Reach::Refused;
    }
    Some(Err(failure))
}

/// The metadata in these fields, without what belongs to the protocol.
pub(super) fn collect(fields: &HeaderMap, metadata: &mut Metadata) {
    for (key, value) in fields {
        let key = key.as_str();
        let of_protocol = matches!(key, "content-type" | "date" | "content-length" | "trailer");
        if of_protocol || key.starts_with("grpc-") {
            continue;
        }
        let added = match value.to_str() {
            Ok(text) => metadata.append(key.to_owned(), text),
            Err(error) => Err(Error::invalid_argument("not text").with_source(error)),
        };
        if let Err(error) = added {
            tracing::debug!(key, ?error, "left out metadata of a reply");
        }
    }
}

fn percent_decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|&c| char::from(c).to_digit(16));
        let coded = match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        bytes.push(coded.unwrap_or(first));
        rest = if coded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The `details` of an encoded `google.rpc.Status`; none when it cannot be read, as the status
/// itself is known without it.
fn details_of(base64: &[u8]) -> Vec<Detail> {
    let Ok(bytes) = LENIENT.decode(base64) else {
        tracing::debug!("status details are not base64");
        return Vec::new();
    };
    let details = fields(&bytes).filter(|(tag, _)| *tag == 3);
    let detail = |any: &[u8]| {
        let (mut url, mut value) = ("", &[][..]);
        for (tag, bytes) in fields(any) {
            match tag {
                1 => url = std::str::from_utf8(bytes).unwrap_or_default(),
                2 => value = bytes,
                _ => {}
            }
        }
        Detail::new(url.rsplit('/').next().unwrap_or_default(), value)
    };
    details.map(|(_, any)| detail(any)).collect()
}

/// The fields of a protobuf message that hold bytes; ends at the first thing unreadable.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let key = varint(&mut bytes)?;
            let skipped = match key & 7 {
                0 => varint(&mut bytes).map(|_| 0)?,
                1 => 8,
                5 => 4,
                2 => {
                    let len = usize::try_from(varint(&mut bytes)?).ok()?;
                    let (field, rest) = bytes.split_at_checked(len)?;
                    bytes = rest;
                    return Some((key >> 3, field));
                }
                _ => return None,
            };
            bytes = bytes.get(skipped..)?;
        }
    })
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(key, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(key), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
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
            let fields = trailers(&[
                ("grpc-status", "5"),
                ("grpc-message", "no caf%C3%A9 100%"),
                ("grpc-status-details-bin", &coded),
            ]);
            let failure = status(&fields).unwrap().unwrap_err();
            assert_eq!(failure.error.kind(), ErrorKind::NotFound);
            assert_eq!(failure.error.message(), "no café 100%");
            assert_eq!(failure.error.details(), [Detail::new("a.Bcdef", "hi")]);
        }
    }

    #[test]
    fn strange_status_is_unknown_and_hostile_details_are_none() {
        assert!(status(&HeaderMap::new()).is_none());
        for code in ["", "99", "-1", "five"] {
            let failure = status(&trailers(&[("grpc-status", code)]))
                .unwrap()
                .unwrap_err();
            assert_eq!(failure.error.kind(), ErrorKind::Unknown);
        }
        for bytes in [
            &b"\x1a\xff\xff\xff\xff\x0f"[..],
            b"\x80",
            b"\x09\x01",
            b"\x0f",
            b"\x1a\x05\x0a",
        ] {
            let coded = base64::prelude::BASE64_STANDARD.encode(bytes);
            assert_eq!(details_of(coded.as_bytes()), []);
        }
        assert_eq!(details_of(b"!!"), []);
    }

    #[test]
    fn percent_signs_that_mean_nothing_stay_as_they_are() {
        for (sent, read) in [
            ("%", "%"),
            ("%4", "%4"),
            ("%zz%", "%zz%"),
            ("%%41", "%A"),
            ("a%0", "a%0"),
            ("%C3", "\u{fffd}"),
            ("%c3%a9%E9", "é\u{fffd}"),
            ("%00", "\0"),
        ] {
            let fields = trailers(&[("grpc-status", "2"), ("grpc-message", sent)]);
            let failure = status(&fields).unwrap().unwrap_err();
            assert_eq!(failure.error.message(), read, "{sent}");
        }
    }

    #[test]
    fn not_handled_is_refused() {
        let fields = trailers(&[("grpc-status", "14"), (NOT_HANDLED, "1")]);
        let failure = status(&fields).unwrap().unwrap_err();
        assert_eq!(failure.reach, Reach::Refused);
    }
}
