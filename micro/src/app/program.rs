//! The implementation of `micro::run!()`: a runtime, logging, signals and the exit code.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{IsTerminal, Write};
use std::process::exit;
use std::time::Duration;

use tokio::runtime::{Builder as RuntimeBuilder, Handle};
use tokio::time::{Instant, timeout};
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::app::App;
use crate::app::builder::Builder;
use crate::app::configure::Configured;
use crate::app::driver_handoff::DriverHandoff;
use crate::app::log_writer::LogWriter;
use crate::app::running::Running;
use crate::app::stop::Stop;
use crate::config::Origin;
use crate::error::{Error, OrError, Result};
use crate::handler::BoxFuture;
use crate::settings::Settings;
use crate::settings::help;
use micro_core::internal::{ACCESS_TARGET, spawn};

/// A further signal within this time counts as the same request to stop. `timeout` of coreutils,
/// for example, signals the process and then its group.
const REPEATED_SIGNAL: Duration = Duration::from_millis(500);
/// Time for an aborted start to reach its next `await`.
const START_ABORT_TIMEOUT: Duration = Duration::from_secs(1);

/// The program that calls `micro::run!()`.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The package's name.
    pub name: &'static str,
    /// The package's version.
    pub version: &'static str,
}

/// Runs everything that is linked until SIGTERM or SIGINT. `micro::run!()` expands to a call of
/// this function.
///
/// The first signal starts the graceful stop, or aborts a start that has not finished. Another
/// signal, at least 500 ms later, ends the process at once with code 130. Both work even while
/// start hooks hang and while handlers block every worker of the runtime.
///
/// Returns after a graceful stop. If the app cannot start or fails, this function writes the reason
/// to standard error and ends the process with code 1. Panic messages also go to standard error,
/// escaped and on one line. This replaces a panic hook that was set before.
///
/// Log lines are written by a separate thread. If standard error accepts no data, for example
/// because it is a pipe whose reader does not read, the program continues: up to 1 MiB of lines is buffered, and
/// further lines are dropped and counted.
pub fn run(program: Program) {
    run_with(program, |app: Builder| app);
}

/// Like [`run`], with a function that configures the app: `micro::run!(|app| …)` expands to a call
/// of this function.
///
/// The builder contains everything that is linked, and the settings. Logging has started, so the
/// setting `log` cannot be changed anymore. The function returns the builder, a `Result<Builder>`,
/// or a future of one of them, which runs on the app's runtime and which SIGTERM ends. Its error is
/// reported like that of an invalid setting.
pub fn run_with<Configure, Output, Kind>(program: Program, configure: Configure)
where
    Configure: FnOnce(Builder) -> Output + Send + 'static,
    Output: Configured<Kind>,
{
    let configure = |app: Builder| -> BoxFuture<'static, Result<Builder>> {
        Box::pin(async move { configure(app).configured().await })
    };
    run_configured(program, Box::new(configure));
}

/// The function that configures the app. Boxed, so that the rest is compiled once.
type ConfigureApp = Box<dyn FnOnce(Builder) -> BoxFuture<'static, Result<Builder>> + Send>;

fn run_configured(program: Program, configure: ConfigureApp) {
    let log = match LogWriter::start() {
        Ok(log) => log,
        Err(error) => {
            // If standard error is closed, the reason cannot be reported.
            let _ = writeln!(std::io::stderr(), "error: {}", error.chain());
            exit(1);
        }
    };
    let outcome = try_run(program, configure, &log);
    if let Err(error) = &outcome {
        log.push(format!("error: {}\n", error.chain()).as_bytes());
    }
    log.flush();
    if outcome.is_err() {
        exit(1);
    }
}

/// Prints all settings and ends the process if the first argument is `--help` or `-h`.
/// `micro::run!(help)` expands to a call of this function before that of [`run`].
#[expect(
    clippy::disallowed_methods,
    reason = "the program asks for it with `run!(help)`"
)]
pub fn print_help_if_asked(program: Program) {
    let argument = std::env::args_os().nth(1);
    if argument.is_some_and(|argument| argument == "--help" || argument == "-h") {
        print_help(program);
        exit(0);
    }
}

/// Prints all settings to standard output. If they are invalid, also why, to standard error.
fn print_help(program: Program) {
    let settings = Settings::load();
    let text = help::text(program.name, program.version, settings.as_ref().ok());
    // A reader such as `head` may close the pipe early.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if let Err(error) = settings {
        eprintln!("error: {}", error.chain());
    }
}

fn try_run(program: Program, configure: ConfigureApp, log: &LogWriter) -> Result<()> {
    if Handle::try_current().is_ok() {
        return Err(Error::failed_precondition(
            "`micro::run!()` starts a runtime of its own; write `fn main() { micro::run!() }` \
             without `async`, or use `App::builder()` inside a runtime",
        ));
    }
    if help::is_asked_by_environment() {
        print_help(program);
        return Ok(());
    }
    let settings = Settings::load()?;
    start_logging(&settings, log)?;
    settings.log_unknown_variables();
    let handoff = DriverHandoff::default();
    let mut runtime = RuntimeBuilder::new_multi_thread();
    handoff.count_workers(runtime.enable_all());
    let runtime = runtime.build().or_internal("cannot start the runtime")?;
    // Signal handling and the timeouts of the stop run on their own runtime: while handlers block
    // all workers, the timers of the workers' runtime do not fire.
    let control = RuntimeBuilder::new_multi_thread()
        .worker_threads(1)
        .thread_name("micro-control")
        .enable_all()
        .build()
        .or_internal("cannot start the runtime for signals")?;
    control.spawn(handoff.run(runtime.handle().clone()));
    let builder = App::builder().name(program.name, program.version).linked();
    let builder = Builder {
        settings: Ok(settings),
        ..builder
    };
    let outcome = control.block_on(serve(builder, configure, runtime.handle(), log));
    // Handlers that block their thread must not keep the process from exiting.
    runtime.shutdown_background();
    control.shutdown_background();
    outcome
}

/// Starts the app on `workers`, waits for its end and stops it. Only the start and the tasks it
/// spawns run on the workers.
async fn serve(
    builder: Builder,
    configure: ConfigureApp,
    workers: &Handle,
    log: &LogWriter,
) -> Result<()> {
    let stop = builder.stop.clone();
    let signals = spawn(stop_on_signals(
        Signals::watch()?,
        stop.clone(),
        log.clone(),
    ));
    let outcome = match start(builder, configure, workers, &stop).await? {
        Some(mut running) => {
            let outcome = running.wait().await;
            running.stop().await;
            outcome
        }
        None => Ok(()),
    };
    signals.abort();
    outcome
}

/// Starts the app. Returns `None` if the app was asked to stop before it had started.
async fn start(
    builder: Builder,
    configure: ConfigureApp,
    workers: &Handle,
    stop: &Stop,
) -> Result<Option<Running>> {
    let (name, signals) = (builder.name, stop.clone());
    let mut starting = workers.spawn(async move {
        let configured = configure(builder).await;
        let mut builder =
            configured.map_err(|error| error.context(format!("cannot configure `{name}`")))?;
        // The function may have returned another builder, which signals have to stop.
        builder.stop = signals;
        if builder.is_empty() {
            return Err(nothing_linked());
        }
        let app = builder.build().await?;
        app.start().await
    });
    let started = tokio::select! {
        started = &mut starting => started,
        () = stop.requested() => {
            starting.abort();
            match timeout(START_ABORT_TIMEOUT, &mut starting).await {
                Ok(Err(aborted)) if aborted.is_cancelled() => {
                    tracing::info!("stopped before the app had started");
                    return Ok(None);
                }
                Ok(started) => started,
                Err(_) => {
                    tracing::warn!("stopped; the start blocks its thread and was abandoned");
                    return Ok(None);
                }
            }
        }
    };
    match started {
        Ok(running) => running.map(Some),
        Err(panicked) => Err(Error::internal("the start panicked").with_source(panicked)),
    }
}

fn nothing_linked() -> Error {
    Error::failed_precondition(
        "nothing to run: no service and no hook is linked; a crate that no code names is not \
         linked, so write `micro::run!(uses = [my_services])`, and put `#[micro::service]` on a \
         struct and its `impl`",
    )
}

/// Logs to standard error, filtered by the setting `log`. If the program has already installed a
/// subscriber, this has no effect.
fn start_logging(settings: &Settings, log: &LogWriter) -> Result<()> {
    let (text, origin) = settings.get::<String>("log")?;
    let filter = filter_of(&text, &origin)?;
    let (access_log, _) = settings.get::<String>("access_log")?;
    let is_complete = access_log == "all";
    let filter = with_access_log(filter, &text, is_complete);
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(log.clone());
    escape_panics(log.clone());
    if tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .try_init()
        .is_err()
    {
        tracing::debug!("the program has a subscriber of its own");
    }
    Ok(())
}

/// Lets a complete access log through any filter that does not name it.
fn with_access_log(filter: Targets, text: &str, is_complete: bool) -> Targets {
    if is_complete && !text.contains(ACCESS_TARGET) {
        filter.with_target(ACCESS_TARGET, LevelFilter::INFO)
    } else {
        filter
    }
}

/// Installs a panic hook that escapes panic messages, because they may contain data of other
/// parties. Line breaks in them could imitate other lines of the log, and control sequences could
/// control a terminal.
///
/// This replaces a panic hook that was set before `run!`. A hook that is set later replaces this
/// one.
fn escape_panics(log: LogWriter) {
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let place = panic
            .location()
            .map_or_else(String::new, |at| format!(" at {at}"));
        let line = panic_line(thread.name(), &place, panic.payload());
        let backtrace = Backtrace::capture();
        let report = if backtrace.status() == BacktraceStatus::Captured {
            format!("{line}\n{backtrace}\n")
        } else {
            format!("{line}\n")
        };
        log.push(report.as_bytes());
        // The process ends after this panic, and the buffered lines would be lost.
        if cfg!(panic = "abort") || thread.name() == Some("main") {
            log.flush();
        }
    }));
}

/// Formats a panic as one line.
fn panic_line(thread: Option<&str>, place: &str, payload: &dyn Any) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("a value that is not text").escape_debug();
    let thread = thread.unwrap_or("<unnamed>").escape_debug();
    format!("thread '{thread}' panicked{place}: {text}")
}

/// Parses a filter such as `warn,my_crate=debug`.
fn filter_of(text: &str, origin: &Origin) -> Result<Targets> {
    let rules: Vec<&str> = text.split(',').map(str::trim).collect();
    // An unknown word would be parsed as the name of a crate, and disable the logs of all other
    // crates.
    let is_stranger = |rule: &&str| !rule.contains('=') && rule.parse::<LevelFilter>().is_err();
    if let Some(word) = rules.iter().copied().find(is_stranger) {
        return Err(Error::invalid_argument(format!(
            "setting `log` from {origin}: `{}` is not a level; write `off`, `error`, `warn`, \
             `info`, `debug` or `trace`, or `my_crate=debug`",
            word.escape_debug()
        )));
    }
    rules.join(",").parse().map_err(|source: ParseError| {
        Error::invalid_argument(format!(
            "setting `log` from {origin}: `{}` is not a filter such as `info` or \
             `warn,my_crate=debug`",
            text.escape_debug()
        ))
        .with_source(source)
    })
}

/// Asks the app to stop on the first SIGTERM or SIGINT, and ends the process on a later one.
async fn stop_on_signals(mut signals: Signals, stop: Stop, log: LogWriter) {
    let signal = signals.next().await;
    tracing::info!(signal, "asked to stop; once more ends at once");
    stop.now();
    let asked = Instant::now();
    loop {
        let signal = signals.next().await;
        if asked.elapsed() >= REPEATED_SIGNAL {
            tracing::warn!(signal, "ended at once");
            log.flush();
            exit(130);
        }
    }
}

/// The signals that ask a process to stop.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn watch() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            terminate: signal(SignalKind::terminate()).or_internal("cannot watch SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).or_internal("cannot watch SIGINT")?,
        })
    }

    /// Waits for the next signal and returns its name.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// The signals that ask a process to stop.
#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn watch() -> Result<Self> {
        tokio::signal::windows::ctrl_c()
            .map(Self)
            .or_internal("cannot watch Ctrl-C")
    }

    /// Waits for the next signal and returns its name.
    async fn next(&mut self) -> &'static str {
        // `None` means that no more signals will arrive.
        match self.0.recv().await {
            Some(()) => "Ctrl-C",
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn text_of_a_panic_stays_on_one_line() {
        let text = "index \n2026 INFO all is well\u{1b}[2J\r".to_owned();
        assert_eq!(
            panic_line(Some("main"), " at a.rs:1:2", &text),
            r"thread 'main' panicked at a.rs:1:2: index \n2026 INFO all is well\u{1b}[2J\r"
        );
        assert!(panic_line(None, "", &1).ends_with("not text"));
    }

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for (text, word) in [("verbose", "verbose"), ("my_crate=debug, inof", "inof")] {
            let error = filter_of(text, &Origin::Default).unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{word}` is not a level")),
                "{error}"
            );
            assert!(error.contains("or `my_crate=debug`"), "{error}");
        }
        assert!(filter_of("my_crate=inof", &Origin::Default).is_err());
    }

    #[test]
    fn complete_access_log_passes_a_filter_that_does_not_name_it() {
        let passes = |text: &str, is_complete| {
            let filter = filter_of(text, &Origin::Default).unwrap();
            let filter = with_access_log(filter, text, is_complete);
            filter.would_enable(ACCESS_TARGET, &Level::INFO)
        };
        assert!(passes("error", true));
        assert!(!passes("error", false));
        assert!(!passes("info,micro::access=warn", true));
    }

    #[test]
    fn levels_and_crates_are_let_through() {
        let filter = filter_of("WARN, my_crate=debug", &Origin::Default).unwrap();
        assert!(filter.would_enable("my_crate", &Level::DEBUG));
        assert!(filter.would_enable("another", &Level::WARN));
        assert!(!filter.would_enable("another", &Level::INFO));
        assert!(
            !filter_of("off", &Origin::Default)
                .unwrap()
                .would_enable("a", &Level::ERROR)
        );
    }
}
