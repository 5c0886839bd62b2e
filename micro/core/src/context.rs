//! Context: the deadline, metadata, caller and cancellation of one call or event.
//!
//! This module is independent of how a protocol encodes them.
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

use crate::access::CallRecord;
use micro_message::error::{Error, Result};
use micro_message::internal::is_reserved;
use micro_message::metadata::Metadata;

tokio::task_local! {
    static CURRENT: Current;
}

/// The current context: that of a call, or the shared one that is set for each message of a stream.
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

/// The deadline, metadata, caller and cancellation of one call or event.
///
/// Cheap to clone. While a handler runs, its context is also [the current one](Self::current).
/// Clients take the remaining time and the trace from it, so that the handler's own calls inherit
/// both.
#[derive(Debug, Clone)]
pub struct Context {
    deadline: Option<Instant>,
    metadata: Arc<Metadata>,
    /// Headers of the HTTP request that are not metadata.
    headers: Option<Arc<Metadata>>,
    caller: Caller,
    /// When the call began, for the access log.
    started: Option<Instant>,
    shared: Arc<Shared>,
}

/// State that all clones of a context share.
#[derive(Debug, Default)]
struct Shared {
    /// Set once, when the guard on the serving side is dropped.
    done: AtomicBool,
    /// Created by the first waiter. Cancelled when `done` is set.
    cancelled: OnceLock<CancellationToken>,
    /// Metadata of the response. Handlers and wraps set it, and the code that runs the call takes
    /// it.
    reply: Mutex<ResponseHeaders>,
    /// Whether the call's failure has been logged.
    logged: AtomicBool,
    /// Set if the access log has a line for every call.
    record: OnceLock<Arc<CallRecord>>,
    /// The trace that the wrap `Trace` has begun or continued.
    trace_id: OnceLock<String>,
}

/// Metadata before and after the messages of a response.
#[derive(Debug)]
struct ResponseHeaders {
    before: Metadata,
    after: Metadata,
    /// Maximum size of both together, in bytes.
    limit: usize,
}

impl Default for ResponseHeaders {
    fn default() -> Self {
        Self {
            before: Metadata::new(),
            after: Metadata::new(),
            limit: DEFAULT_RESPONSE_METADATA_LIMIT,
        }
    }
}

impl ResponseHeaders {
    /// Sets or adds a pair.
    ///
    /// # Errors
    ///
    /// `Internal`, because the handler has made the mistake and not the caller.
    fn put(
        &mut self,
        pick: impl FnOnce(&mut Self) -> &mut Metadata,
        (key, value): (Cow<'static, str>, String),
        replace: bool,
    ) -> Result<()> {
        let mut pair = Metadata::new();
        let size = key.len() + value.len();
        pair.insert(key, value)
            .map_err(|error| invalid_response_metadata(error.message()))?;
        let key = pair.iter().next().map_or("", |(key, _)| key);
        if is_reserved(key) {
            return Err(invalid_response_metadata(&format!(
                "the key `{key}` belongs to the protocol"
            )));
        }
        let (total, limit) = (self.before.size() + self.after.size() + size, self.limit);
        let metadata = pick(self);
        let replaced = metadata.get_all(key).filter(|_| replace);
        let replaced: usize = replaced.map(|value| key.len() + value.len()).sum();
        if total - replaced > limit {
            return Err(invalid_response_metadata(&format!(
                "with `{key}` it takes {} bytes, the limit is {limit} (`limits.max_metadata_size`)",
                total - replaced
            )));
        }
        if replace {
            metadata.remove(key);
        }
        metadata.extend(pair);
        Ok(())
    }
}

/// Maximum size of a response's metadata, in bytes, unless the server sets another one. It is the
/// default of the setting `limits.max_metadata_size`, and what a client accepts by default.
pub const DEFAULT_RESPONSE_METADATA_LIMIT: usize = 16 << 10;

fn invalid_response_metadata(because: &str) -> Error {
    Error::internal(format!("invalid response metadata: {because}"))
}

/// The peer that made a call, and the protocol it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Caller {
    /// The peer's address. `None` for calls within the process.
    pub address: Option<SocketAddr>,
    /// The protocol's name, for example `grpc`, `connect` or `local`.
    pub protocol: &'static str,
}

impl Caller {
    /// Creates a caller from an address and a protocol.
    pub const fn new(address: Option<SocketAddr>, protocol: &'static str) -> Self {
        Self { address, protocol }
    }
}

impl Default for Context {
    fn default() -> Self {
        Self {
            deadline: None,
            metadata: Arc::clone(&EMPTY),
            headers: None,
            caller: Caller::default(),
            started: None,
            shared: Arc::default(),
        }
    }
}

impl Context {
    /// Creates a context without deadline, metadata or caller.
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

    /// Sets the headers of the HTTP request that [`header`](Self::header) returns. Protocols call
    /// it.
    #[doc(hidden)]
    pub fn with_headers(mut self, headers: Arc<Metadata>) -> Self {
        self.headers = Some(headers);
        self
    }

    /// Sets the maximum size of the response's metadata in bytes, instead of 16 KiB. Protocols call
    /// it.
    #[doc(hidden)]
    pub fn with_response_metadata_limit(self, bytes: usize) -> Self {
        if bytes != DEFAULT_RESPONSE_METADATA_LIMIT {
            self.response_headers().limit = bytes;
        }
        self
    }

    /// Sets the deadline, unless the current one is earlier.
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(
            self.deadline
                .map_or(deadline, |earlier| earlier.min(deadline)),
        );
        self
    }

    /// Sets the deadline to `timeout` from now, unless the current one is earlier.
    ///
    /// A timeout that the clock cannot represent does not set a deadline.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.with_deadline(deadline),
            None => self,
        }
    }

    /// Returns the latest time at which the call may finish, or `None` for a call without deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns the time left until the deadline, zero if it has passed, or `None` for a call
    /// without deadline.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Returns the caller's metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Returns the caller's metadata for changing. Other clones of the context keep theirs.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        Arc::make_mut(&mut self.metadata)
    }

    /// Returns a header of the HTTP request that is not [metadata](Self::metadata): `user-agent`,
    /// `host`, `accept` or `accept-language`. Their names are case-insensitive.
    ///
    /// These headers belong to the connection between caller and server. They are not forwarded to
    /// other services. `host` is the name by which the caller addressed the server, in HTTP/2 the
    /// pseudo-header `:authority`. Calls within the process and events do not have such headers.
    ///
    /// # Examples
    ///
    /// ```
    /// use micro::Context;
    ///
    /// fn is_browser(context: &Context) -> bool {
    ///     let agent = context.header("user-agent").unwrap_or_default();
    ///     agent.starts_with("Mozilla/")
    /// }
    /// assert!(!is_browser(&Context::new()));
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.as_ref()?.get(name)
    }

    /// Returns the caller.
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// Sets when the call began. Protocols call it.
    #[doc(hidden)]
    pub fn with_started(mut self, started: Instant) -> Self {
        self.started = Some(started);
        self
    }

    /// Returns when the call began, if the protocol has set it.
    #[doc(hidden)]
    pub fn started(&self) -> Option<Instant> {
        self.started
    }

    /// Sets the record of the call for the access log. Applies to all clones of the context.
    #[doc(hidden)]
    pub fn set_record(&self, record: &Arc<CallRecord>) {
        if let Some(id) = self.trace_id() {
            record.set_trace_id(id);
        }
        // A call has one record.
        let _ = self.shared.record.set(Arc::clone(record));
    }

    /// Returns the record of the call for the access log, if every call is logged.
    #[doc(hidden)]
    pub fn record(&self) -> Option<&Arc<CallRecord>> {
        self.shared.record.get()
    }

    /// Marks the failure of the call as logged, so that the access log does not log it again.
    #[doc(hidden)]
    pub fn set_logged(&self) {
        self.shared.logged.store(true, Ordering::Relaxed);
    }

    /// Whether the failure of the call has been logged.
    pub(crate) fn is_logged(&self) -> bool {
        self.shared.logged.load(Ordering::Relaxed)
    }

    /// Sets the trace for the access log. Applies to all clones of the context.
    pub(crate) fn set_trace_id(&self, id: String) {
        if let Some(record) = self.record() {
            record.set_trace_id(id.clone());
        }
        // It is the same trace if it is set already.
        let _ = self.shared.trace_id.set(id);
    }

    pub(crate) fn known_trace_id(&self) -> Option<&str> {
        self.shared.trace_id.get().map(String::as_str)
    }

    /// Sets a metadata key of the response. The metadata is sent before the messages.
    ///
    /// After the first message was sent, this is the same as
    /// [`set_response_trailer`](Self::set_response_trailer).
    ///
    /// # Errors
    ///
    /// `Internal`, naming the key, when the pair cannot be sent: for a key or value that
    /// [`Metadata::insert`] refuses, for a key that belongs to HTTP, gRPC or Connect, such as
    /// `content-type`, and when the metadata of the response would exceed 16 KiB, or the server's
    /// setting `limits.max_metadata_size`.
    pub fn set_response_metadata(
        &self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<()> {
        let pair = (key.into(), value.into());
        let mut headers = self.response_headers();
        headers.put(|headers| &mut headers.before, pair, true)
    }

    /// Sets a metadata key that is sent after the messages of the response.
    ///
    /// A handler that returns the stream of another call forwards only its messages. To forward the
    /// metadata of that call, set it with this method, or with
    /// [`set_response_metadata`](Self::set_response_metadata) before the first message.
    ///
    /// # Errors
    ///
    /// As [`set_response_metadata`](Self::set_response_metadata).
    pub fn set_response_trailer(
        &self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<()> {
        let pair = (key.into(), value.into());
        let mut headers = self.response_headers();
        headers.put(|headers| &mut headers.after, pair, true)
    }

    /// Adds a value to a metadata key of the response. Otherwise the same as
    /// [`set_response_metadata`](Self::set_response_metadata).
    ///
    /// # Errors
    ///
    /// As [`set_response_metadata`](Self::set_response_metadata).
    pub fn append_response_metadata(
        &self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<()> {
        let pair = (key.into(), value.into());
        let mut headers = self.response_headers();
        headers.put(|headers| &mut headers.before, pair, false)
    }

    /// Adds a value to a metadata key that is sent after the messages of the response.
    ///
    /// # Errors
    ///
    /// As [`set_response_metadata`](Self::set_response_metadata).
    pub fn append_response_trailer(
        &self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<()> {
        let pair = (key.into(), value.into());
        let mut headers = self.response_headers();
        headers.put(|headers| &mut headers.after, pair, false)
    }

    /// Takes the metadata that [`set_response_metadata`](Self::set_response_metadata) collected.
    /// Protocols call it.
    pub fn take_response_metadata(&self) -> Metadata {
        std::mem::take(&mut self.response_headers().before)
    }

    /// Takes the metadata that [`set_response_trailer`](Self::set_response_trailer) collected.
    /// Protocols call it.
    pub fn take_response_trailers(&self) -> Metadata {
        std::mem::take(&mut self.response_headers().after)
    }

    fn response_headers(&self) -> MutexGuard<'_, ResponseHeaders> {
        self.shared.reply.lock()
    }

    /// Completes when the call has finished or its caller has cancelled it.
    ///
    /// The handler itself is dropped then. Use this for work that the handler spawned on other
    /// tasks.
    pub async fn cancelled(&self) {
        self.token().cancelled().await;
    }

    /// Whether the call has finished or its caller has cancelled it.
    pub fn is_cancelled(&self) -> bool {
        self.shared.done.load(Ordering::SeqCst)
    }

    /// Returns a guard that cancels the context when dropped. The code that runs the call holds it.
    pub fn guard(&self) -> CancelGuard {
        CancelGuard(Arc::clone(&self.shared))
    }

    fn token(&self) -> &CancellationToken {
        let token = self.shared.cancelled.get_or_init(CancellationToken::new);
        // The guard may have been dropped before the token existed.
        if self.is_cancelled() {
            token.cancel();
        }
        token
    }

    /// Returns the context of the call that the current task handles, if any.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|current| current.context().clone()).ok()
    }

    /// Runs a future with this context as [the current one](Self::current).
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(Current::Own(self), future).await
    }

    /// Runs a function with this context as [the current one](Self::current).
    pub fn scope_sync<T>(self: &Arc<Self>, function: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Current::Shared(Arc::clone(self)), function)
    }

    /// Waits for a future until the deadline at the latest.
    ///
    /// # Errors
    ///
    /// The error of the future, or that of `late` if the deadline comes first.
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

/// Creates a duration in seconds: `greeter.hello(request).timeout(secs(1))`.
pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Creates a duration in milliseconds: `greeter.hello(request).timeout(millis(250))`.
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

/// Returns `from + length`, or 30 years after `from` if the clock cannot represent the sum.
pub fn deadline_after(from: Instant, length: Duration) -> Instant {
    const FAR_FUTURE: Duration = Duration::from_secs(30 * 365 * 86_400);
    from.checked_add(length)
        .unwrap_or_else(|| from + FAR_FUTURE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use micro_message::error::ErrorKind;

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

    #[test]
    fn response_metadata_that_cannot_be_sent_is_an_internal_error_that_names_the_key() {
        let context = Context::new();
        for (key, value) in [
            ("x-user", "Zo\u{eb}"),
            ("x user", "Zoe"),
            ("Content-Type", "text/html"),
            ("grpc-status", "0"),
        ] {
            let error = context.set_response_metadata(key, value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Internal);
            let key = key.to_ascii_lowercase();
            assert!(error.message().contains(&format!("`{key}`")), "{error}");
            let trailer = context.append_response_trailer(key, value);
            assert_eq!(trailer.unwrap_err().kind(), ErrorKind::Internal);
        }
        assert!(context.take_response_metadata().is_empty());
        assert!(context.take_response_trailers().is_empty());
    }

    #[test]
    fn response_metadata_is_limited_when_it_is_set() {
        let context = Context::new().with_response_metadata_limit(100);
        context.set_response_metadata("a", "x".repeat(60)).unwrap();
        // The new value replaces the old one.
        context.set_response_metadata("a", "y".repeat(70)).unwrap();
        context.set_response_trailer("b", "z".repeat(27)).unwrap();
        let error = context.append_response_metadata("c", "1").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert_eq!(
            error.message(),
            "invalid response metadata: with `c` it takes 101 bytes, the limit is 100 \
             (`limits.max_metadata_size`)"
        );
        assert_eq!(context.take_response_metadata().len(), 1);
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
