//! The result of `read`: a sequence of records that follows the end of the topic.
//!
//! Reading does not acknowledge records, and readers do not affect each other.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::backend::{BoxFuture, RecordSource, Source};
use crate::record::Record;
use micro_message::error::Result;

/// The records of a topic, from the position at which reading started.
///
/// Offsets increase. They have gaps if the backend does not reuse the offset of a lost record; a
/// gap is not an error.
///
/// The sequence ends only after an error: records were removed before they could be read, the topic
/// was deleted, data is damaged, or the backend was closed.
pub struct Records {
    source: RecordSource,
}

impl Records {
    /// Creates records from a source; for backends.
    pub fn new(source: impl Source<Record>) -> Self {
        Self {
            source: Box::new(source),
        }
    }

    /// Returns the next record. Waits for the next append if all records have been read.
    ///
    /// Returns `None` after an error.
    ///
    /// # Errors
    ///
    /// `OutOfRange` if records were removed before they could be read, `Aborted` if the topic was
    /// deleted, `DataLoss` if data is damaged, `Unavailable` if the backend was closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no record is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Record>> {
        self.source.next().await
    }

    /// Converts the records into a stream.
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

/// The pending call of `next`; `None` after the end.
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
