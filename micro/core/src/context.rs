//! Context: what travels with one call or event: deadline, metadata, caller, cancellation.
//!
//! Does not know how any of it is written on a wire.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use micro::{Context, Metadata};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> micro::Result<()> {
//! let mut metadata = Metadata::new();
//! metadata.insert("tenant", "acme")?;
//! let context = Context::new().with_metadata(metadata).with_timeout(Duration::from_secs(2));
//!
//! assert_eq!(context.metadata().get("tenant"), Some("acme"));
//! assert!(context.remaining().expect("a deadline") <= Duration::from_secs(2));
//! // What runs within the context has it as the current one: calls inherit its deadline.
//! let inherited = context.scope(async { Context::current() }).await;
//! assert!(inherited.expect("a context").deadline().is_some());
//! # Ok(()) }
//! ```

use std::borrow::Cow;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use micro_wake::sync::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use micro_message::error::{Error, Result};
use micro_message::metadata::Metadata;

tokio::task_local! {
    static CURRENT: Current;
}

/// The current context: a call's own, or one that is set for each message of a stream.
enum Current {
    Own(Context),
    Shared(Arc<Context>),
}

impl Current {
    fn context(&self) -> &Context {
        match self {
            Self::Own(context) => context,
            Self::Shared(context) => context,
        }
    }
}

static EMPTY: LazyLock<Arc<Metadata>> = LazyLock::new(Arc::default);

/// What travels with one call or event: deadline, metadata, caller, cancellation.
///
/// Cheap to clone. While a handler runs, its context is also [the current one](Self::current):
/// clients take the remaining time and the trace from it, so that onward calls inherit both.
#[derive(Debug, Clone)]
pub struct Context {
    deadline: Option<Instant>,
    metadata: Arc<Metadata>,
    caller: Caller,
    shared: Arc<Shared>,
}

/// What all clones of a context have in common.
#[derive(Debug, Default)]
struct Shared {
    /// Set once, when the serving side's guard is dropped.
    done: AtomicBool,
    /// Made by the first who waits; cancelled when `done` is set.
    cancelled: OnceLock<CancellationToken>,
    /// Written by handlers and wraps, taken by the frame that handlers run in.
    reply: Mutex<ResponseHeaders>,
}

/// What goes out beside a reply's messages.
#[derive(Debug, Default)]
struct ResponseHeaders {
    before: Metadata,
    after: Metadata,
}

/// Who called: from where, and by which protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Caller {
    /// The peer's address; `None` for calls within the process.
    pub address: Option<SocketAddr>,
    /// The protocol's name: `grpc`, `connect`, `local` ….
    pub protocol: &'static str,
}

impl Caller {
    /// A caller at an address, by a protocol.
    pub const fn new(address: Option<SocketAddr>, protocol: &'static str) -> Self {
        Self { address, protocol }
    }
}

impl Default for Context {
    fn default() -> Self {
        Self {
            deadline: None,
            metadata: Arc::clone(&EMPTY),
            caller: Caller::default(),
            shared: Arc::default(),
        }
    }
}

impl Context {
    /// A context without deadline, metadata or caller.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the caller.
    pub fn with_caller(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// Replaces the metadata.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        if !metadata.is_empty() {
            self.metadata = Arc::new(metadata);
        } else if !self.metadata.is_empty() {
            self.metadata = Arc::clone(&EMPTY);
        }
        self
    }

    /// Moves the deadline to `deadline` unless it is earlier already.
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(
            self.deadline
                .map_or(deadline, |earlier| earlier.min(deadline)),
        );
        self
    }

    /// Moves the deadline to `timeout` from now unless it is earlier already.
    ///
    /// A timeout too long for the clock is no deadline.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.with_deadline(deadline),
            None => self,
        }
    }

    /// The latest moment the call may finish; `None` is no limit.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The time left until the deadline, zero when it has passed; `None` is no limit.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// The caller's metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The caller's metadata, to change; other clones keep theirs.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        Arc::make_mut(&mut self.metadata)
    }

    /// Who called.
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// Sets a metadata key of the reply, sent before its messages.
    ///
    /// Once the first message is on its way, this is the same as
    /// [`set_response_trailer`](Self::set_response_trailer).
    ///
    /// # Errors
    ///
    /// As [`Metadata::insert`].
    pub fn set_response_metadata(
        &self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<()> {
        self.response_headers().before.insert(key, value)
    }

    /// Sets a metadata key that follows the reply's messages.
    ///
    /// A handler that answers with the stream of an onward call passes on its messages alone: what
    /// else that call has brought goes out only if it is set here, or as
    /// [`set_response_metadata`](Self::set_response_metadata) before.
    ///
    /// # Errors
    ///
    /// As [`Metadata::insert`].
    pub fn set_response_trailer(
        &self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<()> {
        self.response_headers().after.insert(key, value)
    }

    /// Adds a value to a metadata key of the reply; as
    /// [`set_response_metadata`](Self::set_response_metadata) otherwise.
    ///
    /// # Errors
    ///
    /// As [`Metadata::append`].
    pub fn append_response_metadata(
        &self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<()> {
        self.response_headers().before.append(key, value)
    }

    /// Adds a value to a metadata key that follows the reply's messages.
    ///
    /// # Errors
    ///
    /// As [`Metadata::append`].
    pub fn append_response_trailer(
        &self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<()> {
        self.response_headers().after.append(key, value)
    }

    /// Takes what [`set_response_metadata`](Self::set_response_metadata) collected; for protocols.
    pub fn take_response_metadata(&self) -> Metadata {
        std::mem::take(&mut self.response_headers().before)
    }

    /// Takes what [`set_response_trailer`](Self::set_response_trailer) collected; for protocols.
    pub fn take_response_trailers(&self) -> Metadata {
        std::mem::take(&mut self.response_headers().after)
    }

    fn response_headers(&self) -> MutexGuard<'_, ResponseHeaders> {
        self.shared.reply.lock()
    }

    /// Resolves when the call is over or its caller has given it up.
    ///
    /// A handler itself is dropped then; this is for work it has spawned elsewhere.
    pub async fn cancelled(&self) {
        self.token().cancelled().await;
    }

    /// Whether the call is over or its caller has given it up.
    pub fn is_cancelled(&self) -> bool {
        self.shared.done.load(Ordering::SeqCst)
    }

    /// A guard that cancels the context when dropped; for whoever runs the call.
    pub fn guard(&self) -> CancelGuard {
        CancelGuard(Arc::clone(&self.shared))
    }

    fn token(&self) -> &CancellationToken {
        let token = self.shared.cancelled.get_or_init(CancellationToken::new);
        // The guard may have gone before the token was there to be cancelled.
        if self.is_cancelled() {
            token.cancel();
        }
        token
    }

    /// The context of the call that the current task is handling, if any.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|current| current.context().clone()).ok()
    }

    /// Runs a future with this as [the current context](Self::current).
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(Current::Own(self), future).await
    }

    /// Runs a function with this as [the current context](Self::current).
    pub fn scope_sync<T>(self: &Arc<Self>, function: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Current::Shared(Arc::clone(self)), function)
    }

    /// Waits for a future, at most until the deadline.
    ///
    /// # Errors
    ///
    /// What `late` returns, when the deadline comes first.
    pub async fn limit<T>(
        &self,
        future: impl Future<Output = Result<T>>,
        late: impl FnOnce() -> Error,
    ) -> Result<T> {
        match self.deadline {
            None => future.await,
            Some(deadline) => match tokio::time::timeout_at(deadline, future).await {
                Ok(result) => result,
                Err(_) => Err(late()),
            },
        }
    }
}

/// So many seconds: `greeter.hello(request).timeout(secs(1))`.
pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// So many milliseconds: `greeter.hello(request).timeout(millis(250))`.
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Cancels a [`Context`] when dropped.
#[derive(Debug)]
pub struct CancelGuard(Arc<Shared>);

impl Drop for CancelGuard {
    fn drop(&mut self) {
        self.0.done.store(true, Ordering::SeqCst);
        if let Some(token) = self.0.cancelled.get() {
            token.cancel();
        }
    }
}

/// The moment a length after another; thirty years after it when the clock does not reach further.
pub fn deadline_after(from: Instant, length: Duration) -> Instant {
    const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 86_400);
    from.checked_add(length)
        .unwrap_or_else(|| from + FAR_FUTURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn earlier_deadline_wins() {
        let context = Context::new().with_timeout(Duration::from_secs(1));
        let longer = context.clone().with_timeout(Duration::from_secs(9));
        assert_eq!(longer.remaining(), Some(Duration::from_secs(1)));
        let shorter = context.with_timeout(Duration::from_millis(5));
        assert_eq!(shorter.remaining(), Some(Duration::from_millis(5)));
        assert_eq!(Context::new().with_timeout(Duration::MAX).deadline(), None);
    }

    #[tokio::test]
    async fn dropped_guard_cancels_early_and_late_waiters() {
        let context = Context::new();
        let early = tokio::spawn({
            let context = context.clone();
            async move { context.cancelled().await }
        });
        tokio::task::yield_now().await;
        drop(context.guard());
        early.await.unwrap();
        context.cancelled().await;
        assert!(context.is_cancelled());
    }

    #[tokio::test]
    async fn current_is_the_scope_s() {
        assert!(Context::current().is_none());
        let mut context = Context::new();
        context.metadata_mut().insert("a", "1").unwrap();
        let seen = context.scope(async { Context::current() }).await.unwrap();
        assert_eq!(seen.metadata().get("a"), Some("1"));
    }

    #[test]
    fn later_than_the_clock_reaches_is_far_away() {
        let now = Instant::now();
        assert_eq!(
            deadline_after(now, Duration::from_secs(3)) - now,
            Duration::from_secs(3)
        );
        assert!(deadline_after(now, Duration::MAX) - now > Duration::from_secs(900_000_000));
    }
}
