//! Connect's GET: message, codec and compression in the query of a URL.
//!
//! The application decides whether a response may be cached, with metadata such as `cache-control`.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use micro_message::codec::Codec;
use micro_message::error::{Error, Result};
use micro_wire::Compression;
use micro_wire::percent::{Mode, decode_bytes};

/// The URL-safe base64 alphabet, with optional padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The request in a query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QueryRequest {
    pub(crate) codec: Codec,
    pub(crate) message: Bytes,
}

/// Why a query is refused.
#[derive(Debug)]
pub(crate) enum Rejection {
    /// The request is invalid.
    Request(Error),
    /// The codec is not supported.
    Codec(Error),
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        Self::Request(error)
    }
}

/// Parses `connect`, `encoding`, `message`, `base64` and `compression`. Other keys are ignored.
///
/// # Errors
///
/// `InvalidArgument` when a key is missing, duplicated or malformed.
pub(crate) fn read(query: &str, limit: usize) -> Result<QueryRequest, Rejection> {
    let pairs = Pairs::read(query)?;
    let codec = match pairs.encoding.as_deref() {
        Some(b"json") => Codec::Json,
        Some(b"proto") => Codec::Protobuf,
        None => return Err(missing("encoding").into()),
        Some(other) => {
            return Err(Rejection::Codec(Error::invalid_argument(format!(
                "`encoding={}` is not supported; `json` and `proto` are",
                String::from_utf8_lossy(other).escape_debug()
            ))));
        }
    };
    let message = pairs.message(limit)?.ok_or_else(|| missing("message"))?;
    Ok(QueryRequest { codec, message })
}

/// Like [`read`], for URLs that people write by hand: the codec is JSON, and a missing message is
/// an empty one.
///
/// # Errors
///
/// As [`read`].
pub(crate) fn read_json(query: &str, limit: usize) -> Result<QueryRequest> {
    let pairs = Pairs::read(query)?;
    if pairs
        .encoding
        .as_deref()
        .is_some_and(|codec| codec != b"json")
    {
        return Err(Error::invalid_argument(
            "events are JSON; send `encoding=json`",
        ));
    }
    let message = pairs.message(limit)?;
    Ok(QueryRequest {
        codec: Codec::Json,
        message: message.unwrap_or(Bytes::from_static(b"{}")),
    })
}

fn missing(key: &str) -> Error {
    Error::invalid_argument(format!("`{key}` is missing in the query"))
}

/// The supported keys, decoded.
#[derive(Default)]
struct Pairs {
    connect: Option<Vec<u8>>,
    encoding: Option<Vec<u8>>,
    message: Option<Vec<u8>>,
    base64: Option<Vec<u8>>,
    compression: Option<Vec<u8>>,
}

impl Pairs {
    fn read(query: &str) -> Result<Self> {
        let mut pairs = Self::default();
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let place = match key {
                "connect" => &mut pairs.connect,
                "encoding" => &mut pairs.encoding,
                "message" => &mut pairs.message,
                "base64" => &mut pairs.base64,
                "compression" => &mut pairs.compression,
                _ => continue,
            };
            if place.replace(decoded(value)?).is_some() {
                return Err(Error::invalid_argument(format!(
                    "`{key}` is twice in the query"
                )));
            }
        }
        if let Some(version) = pairs.connect.as_deref().filter(|version| version != b"v1") {
            return Err(Error::invalid_argument(format!(
                "`connect={}` is not supported; send `connect=v1`",
                String::from_utf8_lossy(version).escape_debug()
            )));
        }
        Ok(pairs)
    }

    fn message(self, limit: usize) -> Result<Option<Bytes>> {
        let Some(mut message) = self.message else {
            return Ok(None);
        };
        match self.base64.as_deref() {
            None | Some(b"0") => {}
            Some(b"1") => {
                message = BASE64.decode(&message).map_err(|error| {
                    let text = "`message` in the query is not base64url";
                    Error::invalid_argument(text).with_source(error)
                })?;
            }
            Some(_) => return Err(Error::invalid_argument("`base64` must be 0 or 1")),
        }
        let name = self.compression.unwrap_or_default();
        if let Some(way) = Compression::find(&String::from_utf8_lossy(&name))? {
            message = way.decompress(&message, limit)?;
        }
        if message.len() > limit {
            return Err(crate::request_stream::too_large(message.len(), limit));
        }
        Ok(Some(message.into()))
    }
}

fn decoded(value: &str) -> Result<Vec<u8>> {
    let bytes = decode_bytes(value, Mode::Form);
    bytes
        .map(Cow::into_owned)
        .map_err(|_| Error::invalid_argument("`%` in the query needs two hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use micro_message::error::ErrorKind;

    fn asked(query: &str) -> QueryRequest {
        read(query, 100).unwrap_or_else(|refused| panic!("{query}: {refused:?}"))
    }

    #[test]
    fn messages_are_percent_encoded_or_base64() {
        let json = asked("connect=v1&encoding=json&message=%7B%22a%22%3a+1%7d&x=%");
        assert_eq!(
            (json.codec, &json.message[..]),
            (Codec::Json, &b"{\"a\": 1}"[..])
        );
        for message in ["-_8", "-_8=", "-_8%3D"] {
            let proto = asked(&format!("base64=1&message={message}&encoding=proto"));
            assert_eq!(
                (proto.codec, &proto.message[..]),
                (Codec::Protobuf, &b"\xfb\xff"[..])
            );
        }
        assert_eq!(asked("message=&encoding=proto").message, b""[..]);
    }

    #[test]
    fn wrong_queries_say_what_is_wrong() {
        for (query, text) in [
            ("", "`encoding` is missing"),
            ("encoding=json", "`message` is missing"),
            ("encoding=json&message=1&message=2", "`message` is twice"),
            ("encoding=json&message=%4", "two hexadecimal digits"),
            ("encoding=json&message=%zz", "two hexadecimal digits"),
            ("encoding=json&message=%+1", "two hexadecimal digits"),
            ("encoding=json&message=*&base64=1", "not base64url"),
            ("encoding=json&message=1&base64=2", "must be 0 or 1"),
            ("encoding=json&message=1&connect=v2", "send `connect=v1`"),
            (
                "encoding=json&message=1&compression=br",
                "unknown compression `br`",
            ),
        ] {
            let Err(Rejection::Request(error)) = read(query, 100) else {
                panic!("{query}")
            };
            assert!(error.message().contains(text), "{query}: {error}");
        }
        assert!(matches!(
            read("encoding=xml&message=", 9),
            Err(Rejection::Codec(_))
        ));
        let long = read("encoding=json&message=0123456789", 9);
        let Err(Rejection::Request(error)) = long else {
            panic!("{long:?}")
        };
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    }

    #[test]
    fn by_hand_a_message_is_enough() {
        assert_eq!(read_json("", 100).unwrap().message, b"{}"[..]);
        assert_eq!(read_json("message={}", 100).unwrap().codec, Codec::Json);
        assert!(read_json("encoding=proto", 100).is_err());
    }
}
