//! A stream of bytes that knows which HTTP/2 requests have left on it, and when it last read.
//!
//! It looks at frame heads only. With it a broken connection tells the calls that never reached
//! the peer, which may go elsewhere, from those that may have.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What was seen; written by the connection's task, read by calls.
#[derive(Debug)]
pub(super) struct IoProgress {
    /// The highest stream whose HEADERS frame has begun to leave.
    requested: AtomicU32,
    /// When something was last read, in nanoseconds since `opened`.
    read: AtomicU64,
    opened: Instant,
}

impl IoProgress {
    /// Whether a request on this stream may have reached the peer.
    pub(super) fn has_left(&self, stream: u32) -> bool {
        stream <= self.requested.load(Ordering::Acquire)
    }

    /// When something was last read.
    pub(super) fn last_read(&self) -> Instant {
        self.opened + Duration::from_nanos(self.read.load(Ordering::Relaxed))
    }
}

/// A stream of bytes under the eyes of [`IoProgress`].
#[derive(Debug)]
pub(super) struct ObservedIo<T> {
    io: T,
    seen: Arc<IoProgress>,
    frames: FrameScanner,
    /// The peer has closed: nothing is written any more, so that what is known stays true.
    closed: bool,
}

const PREFACE_LEN: usize = 24;
const FRAME_HEAD_LEN: usize = 9;
const HEADERS_FRAME: u8 = 1;

/// Where in the frames that are written we are.
#[derive(Debug)]
struct FrameScanner {
    /// Bytes to the next frame head.
    skip: usize,
    head: [u8; FRAME_HEAD_LEN],
    filled: usize,
}

impl<T> ObservedIo<T> {
    /// Watches a connection on which nothing has been written yet.
    pub(super) fn new(io: T) -> (Self, Arc<IoProgress>) {
        let seen = Arc::new(IoProgress {
            requested: AtomicU32::new(0),
            read: AtomicU64::new(0),
            opened: Instant::now(),
        });
        let watched = Self {
            io,
            seen: Arc::clone(&seen),
            frames: FrameScanner {
                skip: PREFACE_LEN,
                head: [0; FRAME_HEAD_LEN],
                filled: 0,
            },
            closed: false,
        };
        (watched, seen)
    }

    fn written<'a>(&mut self, slices: impl Iterator<Item = &'a [u8]>, mut count: usize) {
        for slice in slices {
            let part = slice.len().min(count);
            if let Some(stream) = self.frames.pass(&slice[..part]) {
                self.seen.requested.fetch_max(stream, Ordering::AcqRel);
            }
            count -= part;
            if count == 0 {
                break;
            }
        }
    }

    fn ensure_open(&self) -> io::Result<()> {
        if self.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }
}

impl FrameScanner {
    /// Passes written bytes; the highest stream among the HEADERS frames that begin in them.
    fn pass(&mut self, mut bytes: &[u8]) -> Option<u32> {
        let mut highest = None;
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return highest;
            }
            let taken = (FRAME_HEAD_LEN - self.filled).min(bytes.len());
            self.head[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == FRAME_HEAD_LEN {
                let [a, b, c, kind, _, id @ ..] = self.head;
                self.filled = 0;
                self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                if kind == HEADERS_FRAME {
                    highest = highest.max(Some(u32::from_be_bytes(id) & 0x7fff_ffff));
                }
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ObservedIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut this.io).poll_read(cx, buf));
        if result.is_err() || buf.filled().len() == before {
            this.closed = true;
        } else {
            let now = this.seen.opened.elapsed().as_nanos();
            let now = u64::try_from(now).unwrap_or(u64::MAX);
            this.seen.read.store(now, Ordering::Relaxed);
        }
        Poll::Ready(result)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ObservedIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.ensure_open()?;
        let count = ready!(Pin::new(&mut this.io).poll_write(cx, buf))?;
        this.written(std::iter::once(buf), count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.ensure_open()?;
        let count = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, bufs))?;
        this.written(bufs.iter().map(|buf| &**buf), count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, stream: u32, len: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, len, kind, 0];
        frame.extend(stream.to_be_bytes());
        frame.extend(std::iter::repeat_n(1, usize::from(len)));
        frame
    }

    #[test]
    fn headers_are_seen_however_the_bytes_are_cut() {
        let mut bytes = vec![0; PREFACE_LEN];
        for (kind, stream) in [(4, 0), (1, 1), (0, 1), (1, 3), (1, 5), (0, 9)] {
            bytes.extend(frame(kind, stream, 17));
        }
        for size in 1..bytes.len() {
            let (mut watched, seen) = ObservedIo::new(());
            for part in bytes.chunks(size) {
                watched.written(std::iter::once(part), part.len());
            }
            assert!(seen.has_left(5) && !seen.has_left(7), "{size}");
        }
    }

    #[test]
    fn bytes_that_were_not_taken_do_not_count() {
        let (mut watched, seen) = ObservedIo::new(());
        let preface = [0; PREFACE_LEN];
        let (one, three) = (frame(1, 1, 4), frame(1, 3, 4));
        let slices = [&preface[..], &one[..], &three[..]];
        watched.written(
            slices.into_iter(),
            PREFACE_LEN + one.len() + FRAME_HEAD_LEN - 1,
        );
        assert!(seen.has_left(1) && !seen.has_left(3));
    }
}
