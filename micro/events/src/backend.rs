//! What backend authors implement, and its object-safe twin.
//!
//! Checks nothing and says nothing of context: names, sizes, logs and error context are the
//! handle's.

use std::future::Future;
use std::pin::Pin;

use crate::consumer::{Consumer, Options};
use crate::record::{Event, Record, Start, Trim};
use crate::records::Records;
use micro_message::error::Result;

/// A place where topics are kept.
pub trait Backend: Send + Sync + 'static {
    /// The URL scheme that opens it, which is also its name in logs and errors.
    fn scheme(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Appends events, all or none, in order, and returns the offset of the first once they are as
    /// durable as the backend promises. There is at least one event. A backend that `remembers`
    /// leaves out those whose ids were appended not long ago.
    fn append(&self, topic: &str, events: Vec<Event>) -> impl Future<Output = Result<u64>> + Send;

    /// The records of a topic from some place on, and those that follow.
    fn read(&self, topic: &str, start: Start) -> impl Future<Output = Result<Records>> + Send;

    /// One more consumer of a group.
    fn consume(
        &self,
        topic: &str,
        group: &str,
        options: Options,
    ) -> impl Future<Output = Result<Consumer>> + Send;

    /// How many records a group has yet to settle; all there are when the group is unknown.
    fn lag(&self, topic: &str, group: &str) -> impl Future<Output = Result<u64>> + Send;

    /// The topics that there are.
    fn topics(&self) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// Removes records from the beginning of a topic; an unknown topic is no error. May keep
    /// more than asked, never less.
    fn trim(&self, topic: &str, trim: Trim) -> impl Future<Output = Result<()>> + Send;

    /// Removes a topic with its groups; an unknown one is no error.
    fn delete(&self, topic: &str) -> impl Future<Output = Result<()>> + Send;

    /// Finishes what was asked, lets go of everything; what comes later fails.
    fn close(&self) -> impl Future<Output = Result<()>> + Send;
}

/// What a backend can do. What it cannot is `Unimplemented`, unless said otherwise here.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, not the states of a machine"
)]
pub struct Capabilities {
    /// Records and groups outlive the process. Where they do not, nothing says so.
    pub durable: bool,
    /// A batch is appended whole or not at all, even by a process that is killed.
    pub atomic: bool,
    /// A key's records are delivered one after the other.
    pub ordered: bool,
    /// Reading may begin at a time.
    pub time: bool,
    /// Topics can be trimmed.
    pub trim: bool,
    /// Topics can be deleted.
    pub delete: bool,
    /// An event whose id was appended to the topic not long ago is not appended again. Where it
    /// is, nothing says so.
    pub remembers: bool,
}

impl Capabilities {
    /// A backend that can do everything.
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

/// Where [`Records`] and [`Consumer`]s get theirs: for backends.
pub trait Source<T>: Send + 'static {
    /// The next one; `None` when there will be no more.
    ///
    /// # Cancel safety
    ///
    /// Must lose nothing when the future is dropped, and hold nothing that others wait for.
    fn next(&mut self) -> impl Future<Output = Option<Result<T>>> + Send;
}

pub(super) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The twin of [`Source`] that handles hold.
pub(super) trait ErasedSource<T>: Send {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<T>>>;
}

impl<T: 'static, S: Source<T>> ErasedSource<T> for S {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<T>>> {
        Box::pin(Source::next(self))
    }
}

/// The twin of [`Backend`] that the handle holds.
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

/// What [`Records`] hold.
pub(super) type RecordSource = Box<dyn ErasedSource<Record>>;
