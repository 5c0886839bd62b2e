//! Messages of a reply into bytes: encoded, measured, compressed where both sides want it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::Replies;
use crate::headers;
use micro_core::handler::{MethodInfo, PayloadRef};
use micro_message::codec::{Codec, Compression};
use micro_message::error::{Error, Result};
use micro_wire::grpc::frame::OpenFrame;

/// How the messages of one reply are encoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct EncodeOptions {
    pub(super) codec: Codec,
    /// With what messages are compressed: configured here, and accepted by the caller.
    compression: Option<Compression>,
    /// Whether other callers may get it compressed.
    pub(super) varies: bool,
    /// What the settings compress with, for callers that accept it.
    configured: Option<Compression>,
    /// Messages shorter than this are not compressed.
    from: usize,
    /// The longest message, in bytes before compression: the method's limit. The server's own is
    /// for what it receives.
    limit: Option<usize>,
}

impl EncodeOptions {
    /// For a method's replies, not compressed.
    pub(super) fn new(replies: &Replies, method: &MethodInfo, codec: Codec) -> Self {
        Self {
            codec,
            compression: None,
            varies: false,
            from: replies.from,
            limit: method.message_limit,
            configured: replies.way,
        }
    }

    /// Compressed as configured, if the caller lists that under a name.
    pub(super) fn accepted_by(mut self, headers: &HeaderMap, name: &HeaderName) -> Self {
        self.compression = self
            .configured
            .filter(|way| way.is_in(&headers::list(headers, name)));
        self.varies = self.configured.is_some();
        self
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
