//! The message type of the test service, written without the macro.

use bytes::Bytes;

use micro_message::codec::{FieldType, Kind, Message, Types};
use micro_message::error::{Error, Result};

/// A message with one string, written without the macro: protobuf field 1, JSON `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl Message for Text {
    fn describe(types: &mut Types) -> String {
        types.message::<Self>("test", "Text", |message, _| {
            message.field(1, ["text", "text"], FieldType::single(Kind::String));
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(0x0a);
        let mut length = self.0.len();
        while length >= 0x80 {
            out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).unwrap());
        out.extend_from_slice(self.0.as_bytes());
    }

    fn decode(bytes: &Bytes, memory: usize) -> Result<Self> {
        assert!(memory >= bytes.len());
        let start = bytes.iter().skip(1).position(|byte| *byte < 0x80);
        match (bytes.first(), start) {
            (Some(0x0a), Some(start)) => Ok(Self(
                String::from_utf8_lossy(&bytes[start + 2..]).into_owned(),
            )),
            (None, _) => Ok(Self(String::new())),
            _ => Err(Error::invalid_argument("`text` is malformed")),
        }
    }

    fn encode_json(&self, out: &mut Vec<u8>) -> Result<()> {
        let json = serde_json::json!({ "text": self.0 });
        out.extend_from_slice(json.to_string().as_bytes());
        Ok(())
    }

    fn decode_json(bytes: &[u8], _: usize) -> Result<Self> {
        let json: serde_json::Value = serde_json::from_slice(bytes)
            .map_err(|error| Error::invalid_argument("not JSON").with_source(error))?;
        match &json["text"] {
            serde_json::Value::String(text) => Ok(Self(text.clone())),
            other => Err(Error::invalid_argument(format!(
                "`text` is {other}, not a string"
            ))),
        }
    }
}
