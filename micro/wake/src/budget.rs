//! `ByteBudget`: how many bytes may be held at once; what is beyond it waits in line or is refused.
//!
//! A budget belongs to one connection. Beyond a small part of its own it draws on a [`Total`] that
//! all connections share. To hold bytes is one atomic operation, and one more where the total is
//! concerned; a lock is taken only while somebody waits.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use crate::sync::Mutex;

/// The bytes that several budgets may hold together.
#[derive(Debug)]
pub struct Total {
    limit: usize,
    held: AtomicUsize,
}

impl Total {
    /// Nothing held, of so many bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        let held = AtomicUsize::new(0);
        Arc::new(Self { limit, held })
    }

    /// The bytes that are held.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Adds bytes for someone who has so many already; whether there was room.
    fn add(&self, bytes: usize, own: usize) -> bool {
        add(&self.held, (bytes, own), self.limit, Ordering::Relaxed)
    }

    fn remove(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Adds bytes up to a limit for someone who has so many already; whether there was room. What is
/// larger than all of the limit passes alone: the limit of one message is another one.
///
/// An attempt that fails changes nothing, not even for a moment: another one could fail by that,
/// and would wait for a release that has been.
fn add(held: &AtomicUsize, (bytes, own): (usize, usize), limit: usize, order: Ordering) -> bool {
    let sum = |before: usize| {
        let after = before.saturating_add(bytes);
        (before <= own || after <= limit).then_some(after)
    };
    held.fetch_update(order, order, sum).is_ok()
}

/// Why bytes cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The budget itself has no room; its limit.
    ByteBudget(usize),
    /// The total has none; its limit.
    Total(usize),
}

/// How many bytes may be held at once.
pub struct ByteBudget {
    limit: usize,
    /// Up to so many bytes the total is not concerned.
    free: usize,
    total: Arc<Total>,
    held: AtomicUsize,
    /// Counts up with each release, so that progress can be seen.
    released: AtomicUsize,
    /// The length of the line, for those who only look.
    waiting: AtomicUsize,
    line: Mutex<Line>,
    /// How many may wait.
    places: usize,
    /// What each of them counts in the total: what it keeps elsewhere while it waits.
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
    /// A budget of `limit` bytes; those beyond `free` count in the total as well.
    ///
    /// `places` may wait in line; each counts as `place` bytes in the total meanwhile.
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

    /// How many bytes may be held.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The bytes that are held.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Changes whenever bytes are released.
    pub fn released(&self) -> usize {
        self.released.load(Ordering::Relaxed)
    }

    /// Whether half of it is held, or half of the total.
    pub fn is_tight(&self) -> bool {
        self.held() > self.limit / 2 || self.total.held() > self.total.limit / 2
    }

    /// Whether at most half of it is held, and the total has room.
    pub fn has_room(&self) -> bool {
        self.held() <= self.limit / 2 && self.check_total().is_ok()
    }

    /// Whether the total has room, or nothing of it is needed.
    ///
    /// # Errors
    ///
    /// The total's limit, when it is used up.
    pub fn check_total(&self) -> Result<(), Full> {
        if self.held() <= self.free || self.total.held() < self.total.limit {
            return Ok(());
        }
        Err(Full::Total(self.total.limit))
    }

    /// Holds so many bytes now. What is larger than all of it is held if nothing else is.
    ///
    /// # Errors
    ///
    /// What has no room.
    pub fn hold(self: &Arc<Self>, bytes: usize) -> Result<Held, Full> {
        let mut held = self.reserve(bytes)?;
        held.count(bytes)?;
        Ok(held)
    }

    /// Reserves bytes of this budget alone; those that come are to be [counted](Held::count).
    ///
    /// # Errors
    ///
    /// That this budget has no room.
    pub fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Held, Full> {
        self.add(bytes, 0, self.limit)?;
        Ok(self.held_now(bytes))
    }

    /// Reserves bytes that are there already, whatever this budget's limit is.
    pub fn reserve_present(self: &Arc<Self>, bytes: usize) -> Held {
        // Nothing is too much.
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
        // Ordered with `waiting`: whoever waits looks here afterwards, and whoever releases looks
        // there afterwards, so that one of them sees the other.
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
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.wake();
        }
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

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<ByteBudget>,
    bytes: usize,
    /// How many of them count in the total.
    counted: usize,
}

impl Held {
    /// How many bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves more bytes of the same budget now.
    ///
    /// # Errors
    ///
    /// That it has no room; what was held is held on.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let budget = &self.budget;
        budget.add(bytes, self.bytes, budget.limit)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Counts bytes in the total, up to so many in all. None while the budget holds no more than
    /// its own part.
    ///
    /// # Errors
    ///
    /// That the total has no room; what was counted counts on.
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

/// A wait for room in a budget: a place in its line, which is left when this is dropped. Whoever
/// has found room keeps the others waiting until then, and so can do more in their order.
#[derive(Debug)]
pub struct Claim {
    budget: Arc<ByteBudget>,
    ticket: Option<u64>,
}

impl Claim {
    /// A claim that does not wait yet.
    pub fn new(budget: &Arc<ByteBudget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            ticket: None,
        }
    }

    /// [Reserves](ByteBudget::reserve) bytes, as soon as there is room and all who came before have
    /// theirs.
    ///
    /// # Errors
    ///
    /// What has no room: the budget when too many wait, or the total.
    pub fn poll_reserve(&mut self, cx: &mut Context<'_>, bytes: usize) -> Poll<Result<Held, Full>> {
        let budget = Arc::clone(&self.budget);
        self.poll(cx, || budget.reserve(bytes))
    }

    /// Waits until at most half of the budget is held.
    ///
    /// # Errors
    ///
    /// As [`poll_reserve`](Self::poll_reserve).
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

    /// Leaves the line; whoever is first then may have room.
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
        // A single message may be larger than the budget of all, and than the total.
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
        // There is room for it, but not before its turn.
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
