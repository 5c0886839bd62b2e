//! Messages of a reply into bytes: encoded, measured, compressed where both sides want it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::headers;
use crate::peer::Shared;
use micro_core::handler::{MethodInfo, PayloadRef};
use micro_message::codec::{Codec, Compression};
use micro_message::error::{Error, Result};
use micro_wire::grpc::frame::OpenFrame;

/// How the messages of one reply are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer {
    pub(super) codec: Codec,
    /// With what messages are compressed: configured here, and accepted by the caller.
    pub(super) compression: Option<Compression>,
    /// Whether something may be compressed for those who accept it.
    pub(super) varies: bool,
    /// Messages shorter than this are not compressed.
    from: usize,
    /// The longest message, in bytes before compression: the method's limit. The server's own is
    /// for what it receives.
    limit: Option<usize>,
}

impl Writer {
    /// `accepted` is where the caller lists compressions.
    pub(super) fn new(
        shared: &Shared,
        method: &MethodInfo,
        codec: Codec,
        accepted: Option<(&HeaderMap, &HeaderName)>,
    ) -> Self {
        let compression = shared.compression.way.filter(|way| {
            accepted.is_some_and(|(headers, name)| way.is_in(&headers::list(headers, name)))
        });
        Self {
            codec,
            compression,
            varies: accepted.is_some() && shared.compression.way.is_some(),
            from: shared.compression.from,
            limit: method.message_limit,
        }
    }

    /// Appends a message in a frame; when that fails, something of it may be there.
    pub(super) fn frame(
        &self,
        payload: PayloadRef<'_>,
        path: &str,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let frame = OpenFrame::begin(out);
        payload.write(self.codec, out)?;
        let length = frame.length(out);
        self.check(length, path)?;
        if let Some(way) = self.compression.filter(|_| length >= self.from) {
            frame.compress(way, out)?;
        }
        frame
            .close(out)
            .map_err(|length| too_large(path, length, u32::MAX as usize))
    }

    /// A message without a frame, and whether it is compressed.
    pub(super) fn plain(&self, payload: PayloadRef<'_>, path: &str) -> Result<(Vec<u8>, bool)> {
        let mut out = Vec::with_capacity(payload.room());
        payload.write(self.codec, &mut out)?;
        self.body(out, path)
    }

    /// The bytes of a whole body, and whether they are compressed.
    pub(super) fn body(&self, bytes: Vec<u8>, path: &str) -> Result<(Vec<u8>, bool)> {
        self.check(bytes.len(), path)?;
        Ok(match self.compressed(&bytes)? {
            Some(small) => (small, true),
            None => (bytes, false),
        })
    }

    /// The same bytes compressed, when that is wanted and worth it.
    fn compressed(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.compression {
            Some(way) if bytes.len() >= self.from => {
                let small = way.compress(bytes)?;
                Ok((small.len() < bytes.len()).then_some(small))
            }
            _ => Ok(None),
        }
    }

    fn check(&self, length: usize, path: &str) -> Result<()> {
        match self.limit {
            Some(limit) if length > limit => Err(too_large(path, length, limit)),
            _ => Ok(()),
        }
    }

    /// The name to announce in a header, if anything may come compressed.
    pub(super) fn encoding(&self) -> Option<HeaderValue> {
        let way = self.compression?;
        Some(HeaderValue::from_static(way.name()))
    }
}

/// Makes bytes of the only message of a reply. A message that panics meanwhile is an error of its
/// own call, as a handler that panics: the connection serves others, too.
///
/// Messages of streams are written within the frame of their handler, which has such a guard.
///
/// # Errors
///
/// What `write` returns; `Internal` when it panics.
pub(super) fn guarded<T>(path: &str, write: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|_| {
        // The panic's text stays here: the panic hook has logged it, and callers must not see it.
        tracing::error!(path, "a reply panicked while it was encoded");
        Err(Error::internal(format!(
            "a reply of `{path}` cannot be encoded"
        )))
    })
}

fn too_large(path: &str, length: usize, limit: usize) -> Error {
    Error::resource_exhausted(format!(
        "a reply of `{path}` takes {length} bytes, more than the {limit} that it may take"
    ))
}
