//! Base64 in gRPC-Web requests. The text may consist of several encodings one after another, so
//! padding may occur in the middle.

use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body::{Body, Frame};

use crate::request_stream::BodyError;
use micro_message::error::{Error, Result};

/// Number of characters that are decoded together.
const GROUP_LEN: usize = 4;

/// A body whose data is decoded as it arrives.
#[derive(Debug)]
pub(crate) struct Decoded<B> {
    body: B,
    decoder: Decoder,
}

impl<B> Decoded<B> {
    pub(crate) fn new(body: B) -> Self {
        Self {
            body,
            decoder: Decoder::default(),
        }
    }
}

impl<B> Body for Decoded<B>
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        Pin::new(&mut this.body)
            .poll_frame(cx)
            .map(|frame| match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let decoded = this.decoder.decode(&data).map_err(Into::into);
                        Some(decoded.map(|bytes| Frame::data(bytes.into())))
                    }
                    Err(frame) => Some(Ok(frame)),
                },
                Some(Err(error)) => Some(Err(error.into())),
                None => this.decoder.end().err().map(|error| Err(error.into())),
            })
    }
}

/// Decodes text that arrives in pieces.
#[derive(Debug, Default)]
struct Decoder {
    /// The characters of an incomplete group; the first `length` are set.
    group: [u8; GROUP_LEN],
    length: usize,
}

impl Decoder {
    /// Returns the bytes of all complete groups.
    fn decode(&mut self, text: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity((self.length + text.len()) / GROUP_LEN * 3);
        let mut rest = text;
        while self.length > 0
            && let Some((&first, others)) = rest.split_first()
        {
            self.push(first, &mut out)?;
            rest = others;
        }
        // Text without padding in between is decoded at once.
        while rest.len() >= GROUP_LEN {
            let padding = rest.iter().position(|&byte| byte == b'=');
            let whole = match padding {
                Some(padding) => (padding / GROUP_LEN + 1) * GROUP_LEN,
                None => rest.len() / GROUP_LEN * GROUP_LEN,
            };
            if whole > rest.len() {
                break;
            }
            decode(&rest[..whole], &mut out)?;
            rest = &rest[whole..];
        }
        for &byte in rest {
            self.push(byte, &mut out)?;
        }
        Ok(out)
    }

    fn push(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<()> {
        self.group[self.length] = byte;
        self.length += 1;
        if self.length == GROUP_LEN {
            self.length = 0;
            decode(&self.group, out)?;
        }
        Ok(())
    }

    /// Checks that the text does not end within a group.
    fn end(&mut self) -> Result<()> {
        match std::mem::take(&mut self.length) {
            0 => Ok(()),
            length => Err(Error::invalid_argument(format!(
                "the body ends after {length} of the {GROUP_LEN} characters of a group of base64"
            ))),
        }
    }
}

fn decode(text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    STANDARD.decode_vec(text, out).map_err(|error| {
        Error::invalid_argument("the body is not base64, which its content type says")
            .with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(pieces: &[&[u8]]) -> Result<Vec<u8>> {
        let mut decoder = Decoder::default();
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(decoder.decode(piece)?);
        }
        decoder.end().map(|()| out)
    }

    #[test]
    fn padding_may_stand_in_the_middle_and_pieces_may_be_cut_anywhere() {
        let mut text = String::new();
        let mut plain = Vec::new();
        for length in [1_u8, 2, 3, 30, 0, 4, 5, 7] {
            let piece: Vec<_> = (0..length).collect();
            text += &STANDARD.encode(&piece);
            plain.extend(piece);
        }
        for size in 1..=text.len() {
            let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
            assert_eq!(decoded(&pieces).unwrap(), plain, "{size}");
        }
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for bad in [
            "AAA", "A===", "====", "AA=A", "AA\nAA", "AA=", "AB==A", "AAAA*AAA",
        ] {
            for size in [1, 3, 100] {
                let pieces: Vec<_> = bad.as_bytes().chunks(size).collect();
                assert!(decoded(&pieces).is_err(), "{bad}");
            }
        }
    }
}
