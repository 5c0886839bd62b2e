//! A program that is hard to stop, in the way that its argument names: `start-waits`,
//! `start-blocks`, `workers-blocked`, `work-runs`. It prints `here` when it has started, and `stop
//! hook` when it stops gracefully.

use std::time::Duration;

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(600);

#[micro::on(start)]
async fn start() {
    match how().as_str() {
        "start-waits" => {
            println!("here");
            tokio::time::sleep(LONG).await;
        }
        "start-blocks" => {
            println!("here");
            std::thread::sleep(LONG);
        }
        _ => {}
    }
}

#[micro::on(ready)]
async fn ready() {
    if how() == "workers-blocked" {
        let workers = tokio::runtime::Handle::current().metrics().num_workers();
        for _ in 0..workers * 2 {
            tokio::spawn(async { std::thread::sleep(LONG) });
        }
        println!("here");
        std::thread::sleep(LONG);
    }
}

#[micro::every("10m")]
async fn work() {
    if how() == "work-runs" {
        println!("here");
        tokio::time::sleep(LONG).await;
    }
}

#[micro::on(stop)]
async fn stop() {
    println!("stop hook");
}

fn how() -> String {
    std::env::args().nth(1).unwrap_or_default()
}

fn main() {
    micro::run!();
}
