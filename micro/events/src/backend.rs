//! The [`Backend`] trait and its object-safe counterpart.
//!
//! The handle checks names and sizes, writes logs and adds error context, so a backend does not
//! have to.

use std::future::Future;
use std::pin::Pin;

use crate::consumer::{Consumer, Options};
use crate::record::{Event, Record, Start, Trim};
use crate::records::Records;
use micro_message::error::Result;

/// A storage technology for topics.
pub trait Backend: Send + Sync + 'static {
    /// The URL scheme that opens the backend. It also names the backend in logs and errors.
    fn scheme(&self) -> &'static str;

    /// The optional features that the backend supports.
    fn capabilities(&self) -> Capabilities;

    /// Appends all events in order, or none of them. Returns the offset of the first event once the
    /// events are as durable as the backend promises. `events` is never empty. A backend with the
    /// capability `remembers` skips events whose ids were recently appended to the topic.
    fn append(&self, topic: &str, events: Vec<Event>) -> impl Future<Output = Result<u64>> + Send;

    /// Reads the records of a topic from `start` and then follows the end of the topic.
    fn read(&self, topic: &str, start: Start) -> impl Future<Output = Result<Records>> + Send;

    /// Adds a consumer to a group.
    fn consume(
        &self,
        topic: &str,
        group: &str,
        options: Options,
    ) -> impl Future<Output = Result<Consumer>> + Send;

    /// Number of records that the group has not acknowledged. For an unknown group, the number of
    /// all records in the topic.
    fn lag(&self, topic: &str, group: &str) -> impl Future<Output = Result<u64>> + Send;

    /// Names of the existing topics.
    fn topics(&self) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// Removes records from the beginning of a topic. An unknown topic is not an error. The backend
    /// may keep more records than requested but never removes more.
    fn trim(&self, topic: &str, trim: Trim) -> impl Future<Output = Result<()>> + Send;

    /// Removes a topic with its groups. An unknown topic is not an error.
    fn delete(&self, topic: &str) -> impl Future<Output = Result<()>> + Send;

    /// Finishes pending operations and releases all resources. Later operations fail.
    fn close(&self) -> impl Future<Output = Result<()>> + Send;
}

/// Optional features of a backend. An operation that a backend does not support returns
/// `Unimplemented`, except where a field says otherwise.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not the states of a machine"
)]
pub struct Capabilities {
    /// Whether records and groups survive a restart of the process. A backend without this
    /// capability returns no error.
    pub durable: bool,
    /// Whether a batch is appended completely or not at all, even if the process is killed.
    pub atomic: bool,
    /// Whether the records of a key are delivered one after another.
    pub ordered: bool,
    /// Whether a reader can start at a time.
    pub time: bool,
    /// Whether topics can be trimmed.
    pub trim: bool,
    /// Whether topics can be deleted.
    pub delete: bool,
    /// Whether an event is skipped if its id was recently appended to the topic. A backend without
    /// this capability appends the event again and returns no error.
    pub remembers: bool,
}

impl Capabilities {
    /// All capabilities.
    pub const ALL: Self = Self {
        durable: true,
        atomic: true,
        ordered: true,
        time: true,
        trim: true,
        delete: true,
        remembers: true,
    };

    /// Sets [`durable`](Self::durable).
    pub const fn with_durable(mut self, yes: bool) -> Self {
        self.durable = yes;
        self
    }

    /// Sets [`atomic`](Self::atomic).
    pub const fn with_atomic(mut self, yes: bool) -> Self {
        self.atomic = yes;
        self
    }

    /// Sets [`ordered`](Self::ordered).
    pub const fn with_ordered(mut self, yes: bool) -> Self {
        self.ordered = yes;
        self
    }

    /// Sets [`time`](Self::time).
    pub const fn with_time(mut self, yes: bool) -> Self {
        self.time = yes;
        self
    }

    /// Sets [`trim`](Self::trim).
    pub const fn with_trim(mut self, yes: bool) -> Self {
        self.trim = yes;
        self
    }

    /// Sets [`delete`](Self::delete).
    pub const fn with_delete(mut self, yes: bool) -> Self {
        self.delete = yes;
        self
    }

    /// Sets [`remembers`](Self::remembers).
    pub const fn with_remembers(mut self, yes: bool) -> Self {
        self.remembers = yes;
        self
    }
}

/// Source of the items of [`Records`] and [`Consumer`]; implemented by backends.
pub trait Source<T>: Send + 'static {
    /// Returns the next item, or `None` at the end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future must not lose an item and must not keep holding a resource that other
    /// tasks wait for.
    fn next(&mut self) -> impl Future<Output = Option<Result<T>>> + Send;
}

pub(super) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Object-safe counterpart of [`Source`], held by `Records` and `Consumer`.
pub(super) trait ErasedSource<T>: Send {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<T>>>;
}

impl<T: 'static, S: Source<T>> ErasedSource<T> for S {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<T>>> {
        Box::pin(Source::next(self))
    }
}

/// Object-safe counterpart of [`Backend`], held by the handle.
pub(super) trait Erased: Send + Sync {
    fn capabilities(&self) -> Capabilities;
    fn append<'a>(&'a self, topic: &'a str, events: Vec<Event>) -> BoxFuture<'a, Result<u64>>;
    fn read<'a>(&'a self, topic: &'a str, start: Start) -> BoxFuture<'a, Result<Records>>;
    fn consume<'a>(
        &'a self,
        topic: &'a str,
        group: &'a str,
        options: Options,
    ) -> BoxFuture<'a, Result<Consumer>>;
    fn lag<'a>(&'a self, topic: &'a str, group: &'a str) -> BoxFuture<'a, Result<u64>>;
    fn topics(&self) -> BoxFuture<'_, Result<Vec<String>>>;
    fn trim<'a>(&'a self, topic: &'a str, trim: Trim) -> BoxFuture<'a, Result<()>>;
    fn delete<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<()>>;
    fn close(&self) -> BoxFuture<'_, Result<()>>;
}

impl<B: Backend> Erased for B {
    fn capabilities(&self) -> Capabilities {
        Backend::capabilities(self)
    }

    fn append<'a>(&'a self, topic: &'a str, events: Vec<Event>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(Backend::append(self, topic, events))
    }

    fn read<'a>(&'a self, topic: &'a str, start: Start) -> BoxFuture<'a, Result<Records>> {
        Box::pin(Backend::read(self, topic, start))
    }

    fn consume<'a>(
        &'a self,
        topic: &'a str,
        group: &'a str,
        options: Options,
    ) -> BoxFuture<'a, Result<Consumer>> {
        Box::pin(Backend::consume(self, topic, group, options))
    }

    fn lag<'a>(&'a self, topic: &'a str, group: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(Backend::lag(self, topic, group))
    }

    fn topics(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(Backend::topics(self))
    }

    fn trim<'a>(&'a self, topic: &'a str, trim: Trim) -> BoxFuture<'a, Result<()>> {
        Box::pin(Backend::trim(self, topic, trim))
    }

    fn delete<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(Backend::delete(self, topic))
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(Backend::close(self))
    }
}

/// The boxed source of [`Records`].
pub(super) type RecordSource = Box<dyn ErasedSource<Record>>;
