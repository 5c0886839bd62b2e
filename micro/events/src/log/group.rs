//! A consumer group at run time: consumers take records, acks and nacks return, and the progress is
//! persisted.
//!
//! A group has no task of its own. Each consumer that waits for a delivery fetches records, handles
//! expired timers and appends dead letters.

use std::sync::Arc;
use std::time::Duration;

use micro_wake::sync::{Mutex, MutexGuard};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::backend::Source;
use crate::consumer::{AckKind, Acker, Delivery, Options};
use crate::log::progress::{Progress, Step};
use crate::log::state::{State, TakenRecord, after};
use crate::log::{GroupId, Ids, Limit, Log, Tail};
use crate::record::Event;
use micro_core::internal::deadline_after;
use micro_message::error::{Error, Result};

/// Maximum time to wait for another consumer's fetch. Afterwards the consumer fetches itself; a
/// duplicate fetch is harmless.
const FETCH_TIMEOUT: Duration = Duration::from_millis(100);
/// Delay before another attempt to append a dead letter.
const DEAD_LETTER_BACKOFF: Duration = Duration::from_secs(1);
/// Maximum length of the reason in a dead letter, in bytes.
const MAX_REASON: usize = 1024;

pub(super) struct Group<L> {
    log: Arc<L>,
    pub(super) id: GroupId,
    /// Changed by consumers, acks and nacks. Never held across an await.
    state: Mutex<State>,
    /// Notified of every change that can make a record available to a consumer.
    changed: Notify,
    /// Held while fetching, so that consumers do not fetch the same records concurrently.
    fetching: tokio::sync::Mutex<()>,
}

impl<L: Log> Group<L> {
    pub(super) fn new(log: Arc<L>, id: GroupId, progress: Progress) -> Self {
        Self {
            log,
            id,
            state: Mutex::new(State::new(progress)),
            changed: Notify::new(),
            fetching: tokio::sync::Mutex::new(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The lock ignores poisoning. This is safe because no code panics while the state is only
        // partly changed.
        self.state.lock()
    }

    /// Fetches more records if the window has room and the topic has more.
    async fn fetch(&self, window: (usize, usize), tail: u64) -> Result<()> {
        let one = tokio::select! {
            one = self.fetching.lock() => Some(one),
            () = sleep(FETCH_TIMEOUT) => None,
        };
        let Some((from, room)) = self.state().wants(window) else {
            return Ok(());
        };
        if from >= tail {
            return Ok(());
        }
        let limit = Limit {
            records: room.min(Limit::default().records),
            ..Limit::default()
        };
        let (first, _) = self.log.ends(&self.id.topic).await?;
        if from < first {
            let (topic, group) = (&*self.id.topic, &*self.id.name);
            self.skip(from, first).await?;
            tracing::warn!(
                topic,
                group,
                from,
                to = first,
                "records were removed before delivery"
            );
            return Ok(());
        }
        let fetched = self.log.fetch(&self.id.topic, from, limit).await?;
        let read = fetched.records.last().map_or(from, |last| last.offset + 1);
        self.state().offer(fetched.records, read);
        drop(one);
        self.changed.notify_waiters();
        if fetched.next > read {
            self.skip(read, fetched.next).await?;
        }
        match fetched.damage {
            Some(damage) => Err(damage),
            None => Ok(()),
        }
    }

    /// Skips offsets that have no record or whose records cannot be read.
    async fn skip(&self, from: u64, to: u64) -> Result<()> {
        let step = Step::Settle(from, to);
        self.log.save(&self.id, step).await?;
        self.state().skip(to);
        Ok(())
    }

    async fn settle(&self, offset: u64) -> Result<()> {
        if self.state().is_open(offset) {
            let step = Step::Settle(offset, offset + 1);
            self.log.save(&self.id, step).await?;
            self.state().settle(offset);
            self.changed.notify_waiters();
        }
        Ok(())
    }

    /// Appends a dead letter, then marks the record as settled.
    async fn dead_letter(&self, taken: &TakenRecord, dead: &str, reason: &str) -> Result<()> {
        let dead_letter_of = self.dead_letter_of(taken, reason)?;
        let buried = self.log.append(dead, vec![dead_letter_of], Ids::Any).await;
        let offset = taken.record.offset;
        buried.map_err(|error| {
            error.context(format!("offset {offset} cannot go to the dead letters"))
        })?;
        let (topic, group) = (&*self.id.topic, &*self.id.name);
        tracing::warn!(topic, group, offset, dead, reason, "dead letter");
        self.settle(offset).await
    }

    fn dead_letter_of(&self, taken: &TakenRecord, reason: &str) -> Result<Event> {
        let mut event = taken.record.event.clone();
        let mut reason: String = reason.chars().flat_map(char::escape_default).collect();
        // The escaped text is ASCII, so truncation cannot split a character.
        reason.truncate(MAX_REASON);
        for (key, value) in [
            ("dead-topic", self.id.topic.to_string()),
            ("dead-offset", taken.record.offset.to_string()),
            ("dead-group", self.id.name.to_string()),
            ("dead-attempts", taken.attempt.to_string()),
            ("dead-reason", reason),
        ] {
            event.metadata.insert(key, value)?;
        }
        Ok(event)
    }
}

/// A consumer of a group.
pub(super) struct Member<L> {
    group: Arc<Group<L>>,
    options: Arc<Options>,
    /// Name of the dead-letter topic.
    dead: Arc<str>,
    /// One permit per delivery that the consumer can hold.
    permits: Arc<Semaphore>,
    tail: watch::Receiver<Tail>,
}

impl<L: Log> Member<L> {
    pub(super) fn new(
        group: Arc<Group<L>>,
        options: Options,
        dead: String,
        tail: watch::Receiver<Tail>,
    ) -> Self {
        let permits = options.in_flight.min(Semaphore::MAX_PERMITS);
        Self {
            group,
            options: Arc::new(options),
            dead: dead.into(),
            permits: Arc::new(Semaphore::new(permits)),
            tail,
        }
    }

    fn take(&self) -> Option<TakenRecord> {
        let now = Instant::now();
        let mut state = self.group.state();
        state.wake(now);
        state.take(
            deadline_after(now, self.options.ack_wait),
            self.options.retries,
        )
    }

    fn hold(&self, taken: TakenRecord, permit: OwnedSemaphorePermit) -> HeldRecord<L> {
        HeldRecord {
            group: Arc::clone(&self.group),
            options: Arc::clone(&self.options),
            dead: Arc::clone(&self.dead),
            taken,
            _permit: permit,
        }
    }

    /// Dead-letters a record that has exceeded its retries. If that fails, the record waits for
    /// `DEAD_LETTER_BACKOFF`.
    async fn dead_letter(&self, hold: HeldRecord<L>, reason: &str) -> Result<()> {
        let (offset, serial) = (hold.taken.record.offset, hold.taken.serial);
        let mut guard = ReturnOnDrop(Some(hold));
        let buried = match &guard.0 {
            Some(hold) => {
                self.group
                    .dead_letter(&hold.taken, &self.dead, reason)
                    .await
            }
            None => Ok(()),
        };
        guard.0 = None;
        if buried.is_err() {
            let again = Some(Instant::now() + DEAD_LETTER_BACKOFF);
            self.group.state().fail(offset, serial, again);
            self.group.changed.notify_waiters();
        }
        buried
    }

    async fn deliver(&mut self) -> Option<Result<Delivery>> {
        loop {
            let closed = self.tail.has_changed().is_err();
            let tail = *self.tail.borrow_and_update();
            if closed || tail.life != self.group.id.life {
                return None;
            }
            let changed = self.group.changed.notified();
            tokio::pin!(changed);
            // Register for notifications before reading the state. Otherwise a change in between is
            // lost.
            changed.as_mut().enable();
            // Acquire the permit before taking a record, so that no record is taken while this
            // consumer waits for a permit.
            let permits = Arc::clone(&self.permits);
            let permit = permits.acquire_owned().await.ok()?;
            if let Some(mut taken) = self.take() {
                let reason = taken.doomed.take();
                let (record, attempt) = (taken.record.clone(), taken.attempt);
                let hold = self.hold(taken, permit);
                let Some(reason) = reason else {
                    return Some(Ok(Delivery::new(record, attempt, hold)));
                };
                if let Err(error) = self.dead_letter(hold, &reason).await {
                    return Some(Err(error));
                }
                continue;
            }
            drop(permit);
            let window = (self.options.window, self.options.window_bytes);
            let (wants, timer) = {
                let state = self.group.state();
                (state.wants(window), state.next_timer())
            };
            if wants.is_some_and(|(from, _)| from < tail.next) {
                if let Err(error) = self.group.fetch(window, tail.next).await {
                    return Some(Err(error));
                }
                continue;
            }
            tokio::select! {
                () = changed => {}
                // The top of the loop checks whether the channel was closed.
                _ = self.tail.changed() => {}
                () = until(timer) => {}
            }
        }
    }
}

impl<L: Log> Source<Delivery> for Member<L> {
    async fn next(&mut self) -> Option<Result<Delivery>> {
        self.deliver().await
    }
}

async fn until(timer: Option<Instant>) {
    match timer {
        Some(timer) => sleep_until(timer).await,
        None => std::future::pending().await,
    }
}

/// The part of a delivery that refers to its group. It holds the delivery's permit.
struct HeldRecord<L> {
    group: Arc<Group<L>>,
    options: Arc<Options>,
    dead: Arc<str>,
    taken: TakenRecord,
    _permit: OwnedSemaphorePermit,
}

impl<L: Log> HeldRecord<L> {
    /// Extends the deadline of the delivery. Fails if the delivery is no longer current.
    fn extend(&self) -> Result<()> {
        let offset = self.taken.record.offset;
        let until = deadline_after(Instant::now(), self.options.ack_wait);
        if self.group.state().extend(offset, self.taken.serial, until) {
            return Ok(());
        }
        Err(Error::failed_precondition(format!(
            "offset {offset} was not settled within {:?} and has been given to another",
            self.options.ack_wait
        )))
    }

    async fn nack(&self, delay: Duration) -> Result<()> {
        self.extend()?;
        let TakenRecord {
            record,
            attempt,
            serial,
            ..
        } = &self.taken;
        if *attempt > self.options.retries {
            let reason = format!("refused {attempt} times in a row");
            return self
                .group
                .dead_letter(&self.taken, &self.dead, &reason)
                .await;
        }
        let group = &self.group;
        let tried = Step::Tried(record.offset, *attempt);
        group.log.save(&group.id, tried).await?;
        let at = after(Instant::now(), delay);
        group.state().fail(record.offset, *serial, at);
        group.changed.notify_waiters();
        Ok(())
    }
}

impl<L: Log> Acker for HeldRecord<L> {
    async fn settle(&self, verdict: AckKind) -> Result<()> {
        match verdict {
            AckKind::Ack => self.group.settle(self.taken.record.offset).await,
            AckKind::Nack(delay) => self.nack(delay).await,
            AckKind::DeadLetter(reason) => {
                self.extend()?;
                self.group
                    .dead_letter(&self.taken, &self.dead, &reason)
                    .await
            }
            AckKind::Extend => self.extend(),
        }
    }

    fn give_back(&self) {
        let offset = self.taken.record.offset;
        if self.group.state().fail(offset, self.taken.serial, None) {
            self.group.changed.notify_waiters();
        }
    }
}

/// Returns the record to the group on drop, in case a dead letter's append is cancelled.
struct ReturnOnDrop<L: Log>(Option<HeldRecord<L>>);

impl<L: Log> Drop for ReturnOnDrop<L> {
    fn drop(&mut self) {
        if let Some(hold) = self.0.take() {
            hold.give_back();
        }
    }
}
