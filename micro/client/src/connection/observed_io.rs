//! I/O stream that records which HTTP/2 requests have been written and when data was last read.
//!
//! It parses frame headers only. When a connection breaks, the record separates the calls that
//! never reached the peer, which may be retried elsewhere, from those that may have reached it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// The recorded progress; written by the connection's driver, read by calls.
#[derive(Debug)]
pub(super) struct IoProgress {
    /// Highest stream id whose HEADERS frame has been written, at least in part.
    requested: AtomicU32,
    /// When data was last read, in nanoseconds since `opened`.
    read: AtomicU64,
    opened: Instant,
}

impl IoProgress {
    /// Whether a request on this stream may have reached the peer.
    pub(super) fn has_left(&self, stream: u32) -> bool {
        stream <= self.requested.load(Ordering::Acquire)
    }

    /// Returns when data was last read.
    pub(super) fn last_read(&self) -> Instant {
        self.opened + Duration::from_nanos(self.read.load(Ordering::Relaxed))
    }
}

/// I/O stream that records its progress in [`IoProgress`].
#[derive(Debug)]
pub(super) struct ObservedIo<T> {
    io: T,
    seen: Arc<IoProgress>,
    frames: FrameScanner,
    /// Whether the peer has closed the connection. Nothing is written after that, so that the
    /// recorded progress stays true.
    closed: bool,
}

const PREFACE_LEN: usize = 24;
const FRAME_HEAD_LEN: usize = 9;
const HEADERS_FRAME: u8 = 1;

/// Position in the written frames.
#[derive(Debug)]
struct FrameScanner {
    /// Number of bytes until the next frame header.
    skip: usize,
    head: [u8; FRAME_HEAD_LEN],
    filled: usize,
}

impl<T> ObservedIo<T> {
    /// Wraps a connection on which nothing has been written yet.
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
    /// Processes written bytes. Returns the highest stream id of the HEADERS frames whose frame
    /// header they complete.
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
