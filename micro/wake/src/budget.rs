//! `ByteBudget`: limits the bytes that are held at once. Further requests wait in a queue or are
//! refused.
//!
//! A budget belongs to one connection. Each connection has a small free part. Bytes beyond it also
//! count in a [`Total`] that all connections share. Holding bytes takes one atomic operation, and a
//! second one if they count in the total. A lock is taken only while a claim waits.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use crate::platform::AtomicUsize;
use crate::sync::Mutex;

/// A limit for the bytes that several budgets hold together.
#[derive(Debug)]
pub struct Total {
    limit: usize,
    held: AtomicUsize,
}

impl Total {
    /// Creates a total with a limit in bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        let held = AtomicUsize::new(0);
        Arc::new(Self { limit, held })
    }

    /// Returns the number of bytes held.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Adds bytes for a holder that already has `own` bytes. Returns whether there was room.
    fn add(&self, bytes: usize, own: usize) -> bool {
        add(&self.held, (bytes, own), self.limit, Ordering::Relaxed)
    }

    fn remove(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Adds bytes up to a limit, for a holder that already has `own` bytes. Returns whether there was
/// room. If the holder is the only one, the bytes may exceed the limit, because the size of a
/// single message is limited elsewhere.
///
/// A failed attempt does not change the counter, not even temporarily. Otherwise, a concurrent
/// attempt could fail because of it and then wait for a release that has already happened.
fn add(held: &AtomicUsize, (bytes, own): (usize, usize), limit: usize, order: Ordering) -> bool {
    let sum = |before: usize| {
        let after = before.saturating_add(bytes);
        (before <= own || after <= limit).then_some(after)
    };
    held.fetch_update(order, order, sum).is_ok()
}

/// The reason why bytes cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The budget has no room. The value is its limit.
    ByteBudget(usize),
    /// The total has no room. The value is its limit.
    Total(usize),
}

/// Limits the bytes that one connection holds at once.
pub struct ByteBudget {
    limit: usize,
    /// Number of bytes that do not count in the total.
    free: usize,
    total: Arc<Total>,
    held: AtomicUsize,
    /// Incremented with each release, so that callers can detect progress.
    released: AtomicUsize,
    /// Length of the queue. It can be read without the lock.
    waiting: AtomicUsize,
    line: Mutex<Line>,
    /// Maximum number of waiting claims.
    places: usize,
    /// Number of bytes that each waiting claim counts in the total, for the memory it uses while it
    /// waits.
    place: usize,
}

#[derive(Default)]
struct Line {
    next: u64,
    waiters: VecDeque<(u64, Waker)>,
}

impl Line {
    fn is_first(&self, ticket: u64) -> bool {
        self.waiters
            .front()
            .is_some_and(|(first, _)| *first == ticket)
    }

    fn first(&self) -> Option<Waker> {
        self.waiters.front().map(|(_, waker)| waker.clone())
    }
}

impl ByteBudget {
    /// Creates a budget of `limit` bytes. Bytes beyond `free` also count in the total.
    ///
    /// At most `places` claims may wait. Each of them counts as `place` bytes in the total while it
    /// waits.
    pub fn new(
        limit: usize,
        free: usize,
        total: &Arc<Total>,
        (places, place): (usize, usize),
    ) -> Arc<Self> {
        Arc::new(Self {
            limit,
            free,
            total: Arc::clone(total),
            held: AtomicUsize::new(0),
            released: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            line: Mutex::default(),
            places,
            place,
        })
    }

    /// Returns the maximum number of bytes held.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the number of bytes held.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Returns a counter that changes with each release.
    pub fn released(&self) -> usize {
        self.released.load(Ordering::Relaxed)
    }

    /// Whether more than half of the budget or of the total is held.
    pub fn is_tight(&self) -> bool {
        self.held() > self.limit / 2 || self.total.held() > self.total.limit / 2
    }

    /// Whether at most half of the budget is held, and the total has room.
    pub fn has_room(&self) -> bool {
        self.held() <= self.limit / 2 && self.check_total().is_ok()
    }

    /// Checks whether the total has room. Succeeds also while the budget holds no more than its
    /// free part.
    ///
    /// # Errors
    ///
    /// The total's limit, if it is used up.
    pub fn check_total(&self) -> Result<(), Full> {
        if self.held() <= self.free || self.total.held() < self.total.limit {
            return Ok(());
        }
        Err(Full::Total(self.total.limit))
    }

    /// Holds bytes and counts them in the total. More bytes than the whole limit can be held only
    /// if nothing else is held.
    ///
    /// # Errors
    ///
    /// The limit that has no room.
    pub fn hold(self: &Arc<Self>, bytes: usize) -> Result<Held, Full> {
        let mut held = self.reserve(bytes)?;
        held.count(bytes)?;
        Ok(held)
    }

    /// Reserves bytes of this budget only. [Count](Held::count) them in the total as they arrive.
    ///
    /// # Errors
    ///
    /// If this budget has no room.
    pub fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Held, Full> {
        self.add(bytes, 0, self.limit)?;
        Ok(self.held_now(bytes))
    }

    /// Reserves bytes that are already in memory, regardless of this budget's limit.
    pub fn reserve_present(self: &Arc<Self>, bytes: usize) -> Held {
        // Cannot fail: the limit is `usize::MAX`.
        let _added = self.add(bytes, 0, usize::MAX);
        self.held_now(bytes)
    }

    fn held_now(self: &Arc<Self>, bytes: usize) -> Held {
        Held {
            budget: Arc::clone(self),
            bytes,
            counted: 0,
        }
    }

    fn add(&self, bytes: usize, own: usize, limit: usize) -> Result<(), Full> {
        // Ordered with `waiting`: a claim enters the queue and then reads `held`. A release changes
        // `held` and then reads `waiting`. So at least one of them sees the other.
        if add(&self.held, (bytes, own), limit, Ordering::SeqCst) {
            return Ok(());
        }
        Err(Full::ByteBudget(limit))
    }

    fn remove(&self, bytes: usize, counted: usize) {
        if counted > 0 {
            self.total.remove(counted);
        }
        self.held.fetch_sub(bytes, Ordering::SeqCst);
        self.released.fetch_add(1, Ordering::Relaxed);
        if self.has_waiters() {
            self.wake();
        }
    }

    #[cfg(not(loom))]
    fn has_waiters(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Loom treats `SeqCst` as `AcqRel`, which does not order the release before this load. A
    /// read-modify-write is ordered with the one of the claim that enters the queue.
    #[cfg(loom)]
    fn has_waiters(&self) -> bool {
        self.waiting.fetch_add(0, Ordering::SeqCst) > 0
    }

    fn wake(&self) {
        let first = self.line.lock().first();
        if let Some(waker) = first {
            waker.wake();
        }
    }
}

impl fmt::Debug for ByteBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteBudget")
            .field("held", &self.held)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Bytes that are held until this value is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<ByteBudget>,
    bytes: usize,
    /// Number of bytes that count in the total.
    counted: usize,
}

impl Held {
    /// Returns the number of bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves more bytes of the same budget.
    ///
    /// # Errors
    ///
    /// If the budget has no room. The bytes held before stay held.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let budget = &self.budget;
        budget.add(bytes, self.bytes, budget.limit)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Counts bytes in the total, up to `bytes` for this value. Does nothing while the budget holds
    /// no more than its free part.
    ///
    /// # Errors
    ///
    /// If the total has no room. The bytes counted before stay counted.
    pub fn count(&mut self, bytes: usize) -> Result<(), Full> {
        let more = bytes.saturating_sub(self.counted);
        if more == 0 || self.budget.held() <= self.budget.free {
            return Ok(());
        }
        let total = &self.budget.total;
        if !total.add(more, self.counted) {
            return Err(Full::Total(total.limit));
        }
        self.counted += more;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.remove(self.bytes, self.counted);
    }
}

/// A claim on room in a budget, with a place in its queue. Dropping the claim leaves the queue. A
/// claim that has found room keeps the others waiting until it is dropped, so the holder can do
/// further work in the same order.
#[derive(Debug)]
pub struct Claim {
    budget: Arc<ByteBudget>,
    ticket: Option<u64>,
}

impl Claim {
    /// Creates a claim that does not wait yet.
    pub fn new(budget: &Arc<ByteBudget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            ticket: None,
        }
    }

    /// [Reserves](ByteBudget::reserve) bytes as soon as there is room and this claim is the first
    /// in the queue.
    ///
    /// # Errors
    ///
    /// If too many claims wait for the budget, or the total has no room.
    pub fn poll_reserve(&mut self, cx: &mut Context<'_>, bytes: usize) -> Poll<Result<Held, Full>> {
        let budget = Arc::clone(&self.budget);
        self.poll(cx, || budget.reserve(bytes))
    }

    /// Waits until at most half of the budget is held and this claim is the first in the queue.
    ///
    /// # Errors
    ///
    /// The errors of [`poll_reserve`](Self::poll_reserve).
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Full>> {
        let budget = Arc::clone(&self.budget);
        self.poll(cx, || {
            budget.check_total()?;
            if budget.held.load(Ordering::SeqCst) > budget.limit / 2 {
                return Err(Full::ByteBudget(budget.limit));
            }
            Ok(())
        })
    }

    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: impl Fn() -> Result<T, Full>,
    ) -> Poll<Result<T, Full>> {
        let budget = Arc::clone(&self.budget);
        if self.ticket.is_none() {
            if budget.waiting.load(Ordering::Relaxed) == 0 {
                match attempt() {
                    Err(Full::ByteBudget(_)) => {}
                    outcome => return Poll::Ready(outcome),
                }
            }
            self.join(cx)?;
        }
        let mut line = budget.line.lock();
        let ticket = self.ticket.unwrap_or_default();
        let place = line.waiters.iter_mut().find(|(own, _)| *own == ticket);
        if let Some((_, waker)) = place
            && !waker.will_wake(cx.waker())
        {
            cx.waker().clone_into(waker);
        }
        if !line.is_first(ticket) {
            return Poll::Pending;
        }
        drop(line);
        match attempt() {
            Err(Full::ByteBudget(_)) => Poll::Pending,
            outcome => Poll::Ready(outcome),
        }
    }

    fn join(&mut self, cx: &Context<'_>) -> Result<(), Full> {
        let budget = &self.budget;
        let mut line = budget.line.lock();
        if line.waiters.len() >= budget.places {
            return Err(Full::ByteBudget(budget.limit));
        }
        if budget.place > 0 && !budget.total.add(budget.place, 0) {
            return Err(Full::Total(budget.total.limit));
        }
        let ticket = line.next;
        line.next += 1;
        line.waiters.push_back((ticket, cx.waker().clone()));
        budget.waiting.fetch_add(1, Ordering::SeqCst);
        self.ticket = Some(ticket);
        Ok(())
    }

    /// Leaves the queue and wakes the next claim, which may have room now.
    fn leave(&mut self) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let budget = &self.budget;
        let mut line = budget.line.lock();
        line.waiters.retain(|(own, _)| *own != ticket);
        let first = line.first();
        drop(line);
        budget.waiting.fetch_sub(1, Ordering::SeqCst);
        if budget.place > 0 {
            budget.total.remove(budget.place);
        }
        if let Some(waker) = first {
            waker.wake();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use super::*;

    fn budget(limit: usize, places: usize) -> (Arc<ByteBudget>, Arc<Total>) {
        let total = Total::new(100);
        (ByteBudget::new(limit, 10, &total, (places, 7)), total)
    }

    fn pending<T: fmt::Debug>(polled: &Poll<T>) {
        assert!(polled.is_pending(), "{polled:?}");
    }

    #[test]
    fn what_is_held_counts_until_it_is_dropped() {
        let (budget, total) = budget(50, 0);
        let small = budget.hold(10).unwrap();
        assert_eq!((budget.held(), total.held()), (10, 0));
        let mut more = budget.hold(30).unwrap();
        assert_eq!((budget.held(), total.held()), (40, 30));
        assert_eq!(budget.hold(11).unwrap_err(), Full::ByteBudget(50));
        assert_eq!(more.grow(11).unwrap_err(), Full::ByteBudget(50));
        more.grow(10).unwrap();
        more.count(40).unwrap();
        assert_eq!((more.bytes(), budget.held(), total.held()), (40, 50, 40));
        drop((small, more));
        assert_eq!((budget.held(), total.held()), (0, 0));
        // A single message may exceed the limits of the budget and of the total.
        let mut alone = budget.reserve(1000).unwrap();
        alone.count(90).unwrap();
        alone.count(1000).unwrap();
        alone.grow(1000).unwrap();
    }

    #[test]
    fn budgets_of_one_total_share_it_beyond_their_own_part() {
        let (one, total) = budget(90, 0);
        let other = ByteBudget::new(90, 10, &total, (0, 0));
        let _held = one.hold(80).unwrap();
        assert_eq!(other.hold(30).unwrap_err(), Full::Total(100));
        assert!(other.hold(10).is_ok() && other.check_total().is_ok());
        assert_eq!((other.held(), total.held()), (0, 80));
    }

    #[test]
    fn reserved_bytes_count_in_the_total_as_they_come() {
        let (budget, total) = budget(90, 0);
        let mut held = budget.reserve(80).unwrap();
        assert_eq!((budget.held(), total.held()), (80, 0));
        held.count(30).unwrap();
        held.count(20).unwrap();
        assert_eq!(total.held(), 30);
        let mut more = budget.reserve_present(75);
        assert_eq!(more.count(75).unwrap_err(), Full::Total(100));
        assert_eq!(budget.held(), 155);
        drop((held, more));
        assert_eq!((budget.held(), total.held()), (0, 0));
    }

    #[test]
    fn those_who_wait_are_served_in_order() {
        let (budget, total) = budget(50, 2);
        let cx = &mut Context::from_waker(Waker::noop());
        let held = budget.hold(45).unwrap();
        let (mut large, mut small) = (Claim::new(&budget), Claim::new(&budget));
        pending(&large.poll_reserve(cx, 40));
        // There is room for it, but it is not the first in the queue.
        pending(&small.poll_reserve(cx, 5));
        assert_eq!(total.held(), 45 + 2 * 7);
        let mut third = Claim::new(&budget);
        let polled = third.poll_reserve(cx, 1);
        assert!(matches!(polled, Poll::Ready(Err(Full::ByteBudget(50)))));
        drop(held);
        pending(&small.poll_reserve(cx, 5));
        let Poll::Ready(Ok(held)) = large.poll_reserve(cx, 40) else {
            panic!("there is room")
        };
        pending(&small.poll_reserve(cx, 5));
        drop(large);
        assert!(matches!(small.poll_reserve(cx, 5), Poll::Ready(Ok(_))));
        drop(small);
        drop(held);
        assert_eq!((budget.held(), total.held()), (0, 0));
    }

    #[tokio::test]
    async fn release_and_giving_up_wake_the_next() {
        let (budget, _) = budget(50, 3);
        let held = budget.hold(50).unwrap();
        let (mut first, mut second) = (Claim::new(&budget), Claim::new(&budget));
        let cx = &mut Context::from_waker(Waker::noop());
        pending(&first.poll_reserve(cx, 50));
        let waiting = tokio::spawn(async move { poll_fn(|cx| second.poll_room(cx)).await });
        while budget.waiting.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        drop(held);
        drop(first);
        let mut waiting = pin!(waiting);
        let done = tokio::time::timeout(std::time::Duration::from_secs(30), &mut waiting);
        assert_eq!(done.await.unwrap().unwrap(), Ok(()));
    }
}
