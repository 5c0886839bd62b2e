//! What `read` gives: records one after the other, waiting at the end for more.
//!
//! Settles nothing: reading leaves no trace, and two readers do not know of each other.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::backend::{BoxFuture, RecordSource, Source};
use crate::record::Record;
use micro_message::error::Result;

/// The records of a topic, from where reading began.
///
/// Offsets rise. They have gaps where a backend does not give an offset again whose record was
/// lost; a gap is no error.
///
/// Ends only after an error: when records were removed before they could be read, when the topic
/// was deleted, when bytes are damaged.
pub struct Records {
    source: RecordSource,
}

impl Records {
    /// Records from a source; for backends.
    pub fn new(source: impl Source<Record>) -> Self {
        Self {
            source: Box::new(source),
        }
    }

    /// The next record; waits for it to be appended when all have been read.
    ///
    /// `None` after an error.
    ///
    /// # Errors
    ///
    /// `OutOfRange` when records were removed before they could be read, `Aborted` when the topic
    /// was deleted, `DataLoss` when bytes are damaged, `Unavailable` when the backend was closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no record is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Record>> {
        self.source.next().await
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Record>> + Send + Unpin {
        RecordStream(Some(pull(self)))
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Records")
    }
}

type PullFuture = BoxFuture<'static, Option<(Result<Record>, Records)>>;

fn pull(mut records: Records) -> PullFuture {
    Box::pin(async move {
        let next = records.next().await?;
        Some((next, records))
    })
}

/// The pull under way; none after the end.
struct RecordStream(Option<PullFuture>);

impl Stream for RecordStream {
    type Item = Result<Record>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(running) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let next = ready!(running.as_mut().poll(cx));
        let (item, records) = next.unzip();
        self.0 = records.map(pull);
        Poll::Ready(item)
    }
}
