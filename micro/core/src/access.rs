//! The access log: one line per call and per event, or only for failures that an operator has to
//! see.
//!
//! All lines have the target [`ACCESS_TARGET`]. The code that runs a call or an event writes them;
//! protocols contribute the sizes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tracing::Level;

use crate::context::{Caller, Context};
use crate::handler::{MethodInfo, is_built_in};
use crate::wrap::trace_id;
use micro_message::error::{Error, ErrorKind, Result};

/// The target of the access log.
pub const ACCESS_TARGET: &str = "micro::access";

/// Outcome of a call whose caller left before the response was complete.
const CANCELLED: &str = ErrorKind::Cancelled.name();

/// Which calls and events are logged, with the target `micro::access`.
///
/// A logged error contains its whole source chain, which the caller does not see. Errors that
/// [`wrap::Log`](crate::wrap::Log) has logged, and panics, are not logged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AccessLog {
    /// None.
    Off,
    /// Those that fail with `Internal`, `Unknown` or `DataLoss` (level ERROR) or with `Unavailable`
    /// (level WARN). The default.
    #[default]
    Errors,
    /// All: one line per call and per event, at level INFO unless it fails as above.
    All,
}

impl AccessLog {
    /// Returns the access log with a name: `off`, `errors` or `all`.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for other names.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "off" => Ok(Self::Off),
            "errors" => Ok(Self::Errors),
            "all" => Ok(Self::All),
            _ => Err(Error::invalid_argument(format!(
                "`{}` is not `errors`, `all` or `off`",
                name.escape_debug()
            ))),
        }
    }
}

/// Returns the level at which a failure is logged.
pub(crate) fn level(kind: ErrorKind) -> Level {
    match kind {
        ErrorKind::Internal | ErrorKind::Unknown | ErrorKind::DataLoss => Level::ERROR,
        ErrorKind::Unavailable => Level::WARN,
        _ => Level::INFO,
    }
}

/// Whether a failure of this kind is logged by [`AccessLog::Errors`].
fn is_reported(kind: ErrorKind) -> bool {
    level(kind) != Level::INFO
}

/// One line of the access log.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// The service. Empty for subscribers that are free functions.
    pub(crate) service: &'a str,
    /// The method, or the subscriber.
    pub(crate) method: &'a str,
    /// Topic, id and attempt, if this is an event.
    pub(crate) event: Option<EventEntry<'a>>,
    /// The peer and the protocol.
    pub(crate) caller: Caller,
    /// `None` if it succeeded.
    pub(crate) failure: Option<FailureEntry<'a>>,
    /// Time since the call began.
    pub(crate) duration: Duration,
    /// Sizes of request and response, where they are known.
    pub(crate) sizes: Sizes,
    /// The trace, from `traceparent` or from the wrap `Trace`.
    pub(crate) trace_id: Option<&'a str>,
}

/// What the access log says about an event.
#[derive(Debug, Clone, Copy)]
pub struct EventEntry<'a> {
    /// The topic or stream.
    pub topic: &'a str,
    /// The event's id.
    pub id: &'a str,
    /// The number of the attempt, starting at 1.
    pub attempt: u32,
}

/// What the access log says about a failure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FailureEntry<'a> {
    /// The kind's name.
    pub(crate) outcome: &'a str,
    /// The level.
    pub(crate) level: Level,
    /// The message with those of its sources. `None` if it has been logged already.
    pub(crate) error: Option<&'a str>,
}

/// Sizes of a call: bytes as sent over the network, and the messages of streams.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sizes {
    /// Bytes of the request.
    pub(crate) request_bytes: Option<u64>,
    /// Bytes of the response.
    pub(crate) response_bytes: Option<u64>,
    /// Messages of a stream of requests.
    pub(crate) requests: Option<u64>,
    /// Messages of a stream of responses.
    pub(crate) responses: Option<u64>,
}

/// Writes an entry with a level and a message, which `tracing` needs as constants.
macro_rules! write_entry {
    ($entry:expr, $level:expr, $text:literal) => {{
        let entry: &Entry<'_> = $entry;
        let service = Some(entry.service).filter(|name| !name.is_empty());
        let outcome = entry.failure.as_ref().map_or("ok", |failure| failure.outcome);
        tracing::event!(
            target: ACCESS_TARGET,
            $level,
            service,
            method = entry.method,
            topic = entry.event.map(|event| event.topic),
            id = entry.event.map(|event| event.id),
            attempt = entry.event.map(|event| event.attempt),
            protocol = entry.caller.protocol,
            peer = entry.caller.address.map(tracing::field::display::<SocketAddr>),
            outcome,
            duration = ?entry.duration,
            request_bytes = entry.sizes.request_bytes,
            response_bytes = entry.sizes.response_bytes,
            requests = entry.sizes.requests,
            responses = entry.sizes.responses,
            trace_id = entry.trace_id,
            error = entry.failure.as_ref().and_then(|failure| failure.error),
            $text
        );
    }};
}

impl Entry<'_> {
    /// Writes the entry.
    pub(crate) fn write(&self) {
        let level = self.failure.as_ref().map(|failure| failure.level);
        match (self.event.is_some(), level) {
            (false, None) => write_entry!(self, Level::INFO, "call"),
            (false, Some(Level::ERROR)) => write_entry!(self, Level::ERROR, "call failed"),
            (false, Some(Level::WARN)) => write_entry!(self, Level::WARN, "call failed"),
            (false, Some(_)) => write_entry!(self, Level::INFO, "call failed"),
            (true, None) => write_entry!(self, Level::INFO, "event"),
            (true, Some(Level::ERROR)) => write_entry!(self, Level::ERROR, "event failed"),
            (true, Some(Level::WARN)) => write_entry!(self, Level::WARN, "event failed"),
            (true, Some(_)) => write_entry!(self, Level::INFO, "event failed"),
        }
    }
}

/// Logs the error that a handler has returned, unless it has been logged or need not be.
#[cold]
pub(crate) fn log_failure(mode: AccessLog, method: &MethodInfo, context: &Context, error: &Error) {
    if let Some(record) = context.record() {
        return record.fail(error, context.is_logged());
    }
    let kind = error.kind();
    let wire = method.path.trim_start_matches('/');
    // The services of micro itself return `Unavailable` when the server drains.
    let is_expected = kind == ErrorKind::Unavailable && is_built_in(wire);
    if mode == AccessLog::Off || !is_reported(kind) || is_expected || context.is_logged() {
        return;
    }
    context.set_logged();
    let started = context.started();
    Entry {
        service: &method.service,
        method: method.name(),
        event: None,
        caller: context.caller(),
        failure: Some(FailureEntry {
            outcome: kind.name(),
            level: level(kind),
            error: Some(&error.chain()),
        }),
        duration: started.map_or(Duration::ZERO, |started| started.elapsed()),
        sizes: Sizes::default(),
        trace_id: context.trace_id().as_deref(),
    }
    .write();
}

/// What is known about one attempt to handle an event.
#[derive(Debug)]
pub struct EventAttempt<'a> {
    /// Which events are logged.
    pub mode: AccessLog,
    /// The service of the subscriber. Empty for a free function.
    pub service: &'a str,
    /// The name of the subscriber.
    pub subscriber: &'a str,
    /// The event.
    pub event: EventEntry<'a>,
    /// The size of the event's payload, in bytes.
    pub bytes: usize,
}

impl EventAttempt<'_> {
    /// Logs the end of the attempt. Returns whether its error has been logged, now or before.
    pub fn log(&self, context: &Context, result: Result<(), &Error>) -> bool {
        let wanted = match (self.mode, result) {
            (AccessLog::Off, _) | (AccessLog::Errors, Ok(())) => false,
            (AccessLog::Errors, Err(error)) => is_reported(error.kind()) && !context.is_logged(),
            (AccessLog::All, _) => true,
        };
        if wanted {
            self.write(context, result);
        }
        result.is_err() && (wanted || context.is_logged())
    }

    fn write(&self, context: &Context, result: Result<(), &Error>) {
        let is_logged = context.is_logged();
        let text = result.err().filter(|_| !is_logged).map(Error::chain);
        let failure = result.err().map(|error| FailureEntry {
            outcome: error.kind().name(),
            level: if is_logged {
                Level::INFO
            } else {
                level(error.kind())
            },
            error: text.as_deref(),
        });
        let started = context.started();
        Entry {
            service: self.service,
            method: self.subscriber,
            event: Some(self.event),
            caller: context.caller(),
            failure,
            duration: started.map_or(Duration::ZERO, |started| started.elapsed()),
            sizes: Sizes {
                request_bytes: u64::try_from(self.bytes).ok(),
                ..Sizes::default()
            },
            trace_id: context.trace_id().as_deref(),
        }
        .write();
    }
}

/// What is recorded about a call that [`AccessLog::All`] logs. Shared by the code that handles the
/// call; [`CallLog`] writes it.
#[derive(Debug)]
pub struct CallRecord {
    method: Arc<MethodInfo>,
    caller: Caller,
    started: Instant,
    outcome: OnceLock<Outcome>,
    trace_id: OnceLock<String>,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    requests: AtomicU64,
    responses: AtomicU64,
}

/// How a call ended. The first outcome counts.
#[derive(Debug)]
enum Outcome {
    Ok,
    Failed {
        kind: ErrorKind,
        level: Level,
        /// `None` if the error has been logged already.
        error: Option<String>,
    },
}

impl CallRecord {
    /// Records that the response is complete.
    pub fn succeed(&self) {
        // The first outcome counts.
        let _ = self.outcome.set(Outcome::Ok);
    }

    /// Records a failure. `is_logged` is whether the error has been logged already.
    pub fn fail(&self, error: &Error, is_logged: bool) {
        let kind = error.kind();
        // The first outcome counts.
        let _ = self.outcome.set(Outcome::Failed {
            kind,
            level: if is_logged { Level::INFO } else { level(kind) },
            error: (!is_logged).then(|| error.chain()),
        });
    }

    /// Counts bytes of the request.
    pub fn received(&self, bytes: usize) {
        add(&self.request_bytes, bytes);
    }

    /// Counts bytes of the response.
    pub fn sent(&self, bytes: usize) {
        add(&self.response_bytes, bytes);
    }

    /// Counts a message of a stream of requests.
    pub fn received_message(&self) {
        add(&self.requests, 1);
    }

    /// Counts a message of a stream of responses.
    pub fn sent_message(&self) {
        add(&self.responses, 1);
    }

    pub(crate) fn set_trace_id(&self, id: String) {
        // It is the same trace if it is set already.
        let _ = self.trace_id.set(id);
    }

    fn write(&self) {
        let failure = match self.outcome.get() {
            Some(Outcome::Ok) => None,
            Some(Outcome::Failed { kind, level, error }) => Some(FailureEntry {
                outcome: kind.name(),
                level: *level,
                error: error.as_deref(),
            }),
            None => Some(FailureEntry {
                outcome: CANCELLED,
                level: Level::INFO,
                error: None,
            }),
        };
        // Values of calls within the process are not encoded, so they have no size.
        let is_remote = self.caller.address.is_some();
        let count = |value: &AtomicU64, known: bool| {
            (known && is_remote).then(|| value.load(Ordering::Relaxed))
        };
        let kind = self.method.kind;
        Entry {
            service: &self.method.service,
            method: self.method.name(),
            event: None,
            caller: self.caller,
            failure,
            duration: self.started.elapsed(),
            sizes: Sizes {
                request_bytes: count(&self.request_bytes, true),
                response_bytes: count(&self.response_bytes, true),
                requests: count(&self.requests, kind.streams_requests()),
                responses: count(&self.responses, kind.streams_responses()),
            },
            trace_id: self.trace_id.get().map(String::as_str),
        }
        .write();
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

/// Writes a [`CallRecord`] when dropped, which is when the response has been sent or the call has
/// been given up.
#[derive(Debug)]
pub struct CallLog(Arc<CallRecord>);

impl CallLog {
    /// Begins to record a call.
    pub fn new(method: &Arc<MethodInfo>, caller: Caller, started: Instant) -> Self {
        Self(Arc::new(CallRecord {
            method: Arc::clone(method),
            caller,
            started,
            outcome: OnceLock::new(),
            trace_id: OnceLock::new(),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            responses: AtomicU64::new(0),
        }))
    }

    /// Returns the record.
    pub fn record(&self) -> &Arc<CallRecord> {
        &self.0
    }
}

impl Drop for CallLog {
    fn drop(&mut self) {
        self.0.write();
    }
}

impl Context {
    /// Returns the trace of the call: that of the wrap `Trace`, or that of `traceparent`.
    pub(crate) fn trace_id(&self) -> Option<String> {
        let known = self.known_trace_id().map(str::to_owned);
        known.or_else(|| trace_id(self.metadata()))
    }
}
