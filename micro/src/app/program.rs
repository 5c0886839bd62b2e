//! What `micro::run!()` calls: a runtime, logging, signals, an exit code.

use std::io::IsTerminal;

use tokio::runtime::{Builder as RuntimeBuilder, Handle};
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::app::App;
use crate::app::builder::Builder;
use crate::app::stop::Stop;
use crate::config::Origin;
use crate::error::{Error, OrError, Result};
use crate::settings::Settings;

/// The program that `micro::run!()` stands in.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The package's name.
    pub name: &'static str,
    /// The package's version.
    pub version: &'static str,
}

/// Runs everything that is linked until SIGTERM or SIGINT; what `micro::run!()` expands to.
///
/// Returns when the app has stopped in order; when it cannot start or fails, the reason goes to
/// standard error and the process ends with code 1.
pub fn run(program: Program) {
    if let Err(error) = try_run(program) {
        eprintln!("error: {}", error.chain());
        std::process::exit(1);
    }
}

fn try_run(program: Program) -> Result<()> {
    if Handle::try_current().is_ok() {
        return Err(Error::failed_precondition(
            "`micro::run!()` starts a runtime of its own; write `fn main() { micro::run!() }` \
             without `async`, or use `App::builder()` inside a runtime",
        ));
    }
    let settings = Settings::load()?;
    start_logging(&settings)?;
    settings.log_strangers();
    let runtime = RuntimeBuilder::new_multi_thread()
        .enable_all()
        .build()
        .or_internal("cannot start the runtime")?;
    let builder = App::builder().name(program.name, program.version).linked();
    let outcome = runtime.block_on(serve(Builder {
        settings: Ok(settings),
        ..builder
    }));
    // Blocking work of handlers that were cut must not hold the process back.
    runtime.shutdown_background();
    outcome
}

async fn serve(builder: Builder) -> Result<()> {
    if builder.is_empty() {
        return Err(nothing_linked());
    }
    let app = builder.build().await?;
    let signals = tokio::spawn(stop_on_signals(app.stop_handle())?);
    let outcome = app.run().await;
    signals.abort();
    outcome
}

fn nothing_linked() -> Error {
    Error::failed_precondition(
        "nothing to run: no service and no hook is linked; a crate that no code names is not \
         linked, so write `micro::run!(uses = [my_services])`, and put `#[micro::service]` on a \
         struct and its `impl`",
    )
}

/// Writes to standard error what the setting `log` lets through; a subscriber that the program
/// has installed itself stays.
fn start_logging(settings: &Settings) -> Result<()> {
    let (filter, origin) = settings.get::<String>("log")?;
    let filter = filter_of(&filter, &origin)?;
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
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

/// What a filter such as `warn,my_crate=debug` lets through.
fn filter_of(text: &str, origin: &Origin) -> Result<Targets> {
    let rules: Vec<&str> = text.split(',').map(str::trim).collect();
    // A word alone would be read as a crate, and silence all others.
    let is_stranger = |rule: &&str| !rule.contains('=') && rule.parse::<LevelFilter>().is_err();
    if let Some(word) = rules.iter().copied().find(is_stranger) {
        return Err(Error::invalid_argument(format!(
            "setting `log` from {origin}: `{}` is no level; write `off`, `error`, `warn`, `info`, \
             `debug` or `trace`, or `my_crate=debug`",
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

/// The first SIGTERM or SIGINT asks the app to stop, the second ends the process.
#[cfg(unix)]
fn stop_on_signals(stop: Stop) -> Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate()).or_internal("cannot watch SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).or_internal("cannot watch SIGINT")?;
    Ok(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        let name = next().await;
        tracing::info!(signal = name, "asked to stop; once more ends at once");
        stop.now();
        let name = next().await;
        tracing::warn!(signal = name, "ended at once");
        std::process::exit(130);
    })
}

/// The first Ctrl-C asks the app to stop, the second ends the process.
#[cfg(not(unix))]
fn stop_on_signals(stop: Stop) -> Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async move {
        for second in [false, true] {
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            if second {
                std::process::exit(130);
            }
            stop.now();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for (text, word) in [("verbose", "verbose"), ("my_crate=debug, inof", "inof")] {
            let error = filter_of(text, &Origin::Default).unwrap_err().to_string();
            assert!(error.contains(&format!("`{word}` is no level")), "{error}");
            assert!(error.contains("or `my_crate=debug`"), "{error}");
        }
        assert!(filter_of("my_crate=inof", &Origin::Default).is_err());
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
