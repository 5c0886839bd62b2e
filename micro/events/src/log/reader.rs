//! Reads a log from an offset on and follows its end.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use crate::backend::Source;
use crate::log::{Fetched, Limit, Log, Tail, closed, deleted};
use crate::record::Record;
use micro_message::error::{Error, Result};

/// A reader. It buffers the result of at most one fetch.
pub(super) struct Reader<L> {
    log: Arc<L>,
    topic: Arc<str>,
    /// Offset of the next fetch.
    next: u64,
    tail: watch::Receiver<Tail>,
    /// The topic's `life` at the start. A different value means that the topic was deleted.
    life: u64,
    fetched: VecDeque<Record>,
    /// Returned after the fetched records have been read.
    damage: Option<Error>,
    /// Whether an error has been returned. The reader then ends.
    ended: bool,
}

impl<L: Log> Reader<L> {
    pub(super) fn new(log: Arc<L>, topic: &str, next: u64, tail: watch::Receiver<Tail>) -> Self {
        let life = tail.borrow().life;
        Self {
            log,
            topic: topic.into(),
            next,
            tail,
            life,
            fetched: VecDeque::new(),
            damage: None,
            ended: false,
        }
    }

    async fn read(&mut self) -> Result<Record> {
        loop {
            if let Some(record) = self.fetched.pop_front() {
                return Ok(record);
            }
            if let Some(damage) = self.damage.take() {
                return Err(damage);
            }
            let tail = *self.tail.borrow_and_update();
            if tail.life != self.life {
                return Err(deleted(&self.topic));
            }
            if self.next < tail.next {
                let fetch = self.log.fetch(&self.topic, self.next, Limit::default());
                let Fetched {
                    records,
                    next,
                    damage,
                } = fetch.await?;
                self.fetched = records.into();
                (self.next, self.damage) = (next, damage);
            } else if self.tail.changed().await.is_err() {
                return Err(closed());
            }
        }
    }
}

impl<L: Log> Source<Record> for Reader<L> {
    async fn next(&mut self) -> Option<Result<Record>> {
        if self.ended {
            return None;
        }
        let read = self.read().await;
        self.ended = read.is_err();
        Some(read)
    }
}
