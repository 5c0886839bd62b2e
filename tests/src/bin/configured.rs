//! A program that is configured in code, in the way that its argument names. It prints the value
//! that it was given, and `stop hook` when it stops gracefully.

use std::sync::Arc;

use micro::app::Builder;
use micro::prelude::*;

/// A value that the app is given.
struct Pool(&'static str);

#[micro::on(ready)]
async fn ready(pool: Arc<Pool>) {
    println!("pool of {}", pool.0);
}

#[micro::every("10m")]
async fn work() {}

#[micro::on(stop)]
async fn stop() {
    println!("stop hook");
}

fn open() -> Result<Pool> {
    std::env::current_dir().or_internal("no working directory")?;
    Ok(Pool("a result"))
}

fn with_pool(app: Builder) -> Builder {
    app.provide(Pool("a path"))
}

async fn connect(url: &str) -> Result<Pool> {
    tokio::task::yield_now().await;
    std::fs::read(url).or_error(
        ErrorKind::Unavailable,
        format!("cannot open the database `{url}`"),
    )?;
    Ok(Pool("a file"))
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("builder") => micro::run!(|app| app.provide(Pool("a closure")), uses = [micro_tests]),
        Some("result") => micro::run!(|app| {
            let pool = open()?;
            Ok(app.provide(pool))
        }),
        Some("path") => micro::run!(with_pool),
        Some("async") => micro::run!(async |app| app.provide(Pool("an async closure"))),
        Some("block") => micro::run!(|app| async move {
            let pool = open()?;
            tokio::task::yield_now().await;
            Ok(app.provide(pool))
        }),
        Some("fails") => micro::run!(async |app| {
            let pool = connect("/no/such/file").await?;
            Ok(app.provide(pool))
        }),
        Some("waits") => micro::run!(async |app: Builder| {
            println!("here");
            std::future::pending::<()>().await;
            app
        }),
        other => panic!("unknown way: {other:?}"),
    }
}
