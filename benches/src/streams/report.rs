//! Runs the pairs in turn for each shape. Prints medians and their ratios to the first pair.

use std::io;

use crate::options::{Options, Shape, Side};
use micro_benches::{Process, median};

/// Memory needs fewer rounds than speed.
const ROUNDS_OF_MEMORY: usize = 3;

/// Runs all rounds and prints a table for each shape.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    for &shape in &options.shapes {
        let (columns, rounds) = match shape {
            Shape::Ping => (&["messages/s", "p50 µs", "p99 µs"][..], options.run.rounds),
            Shape::Window | Shape::Down => (&["messages/s"][..], options.run.rounds),
            Shape::Idle | Shape::Stalled => (
                &["client B", "server B"][..],
                options.run.rounds.min(ROUNDS_OF_MEMORY),
            ),
        };
        let name = shape.name();
        println!("\n{name}, {rounds} rounds of {} s", options.run.seconds);
        let mut all: Vec<Vec<Vec<f64>>> = vec![Vec::new(); options.pairs.len()];
        for round in 0..rounds {
            for turn in 0..all.len() {
                // The first pair changes from round to round.
                let at = (round + turn) % all.len();
                let numbers = measure(options.pairs[at], shape, options)?;
                if numbers.len() != columns.len() {
                    return Err(io::Error::other(format!("{name}: {numbers:?}")));
                }
                all[at].push(numbers);
            }
        }
        print(columns, &options.pairs, &all);
    }
    Ok(())
}

fn measure(
    (client, server): (Side, Side),
    shape: Shape,
    options: &Options,
) -> io::Result<Vec<f64>> {
    let role = |role: &str, side: Side| {
        [
            ("--role", role.to_owned()),
            ("--side", side.name().to_owned()),
        ]
    };
    let (process, port) = Process::role(&role("server", server))?;
    let mut pairs = options.run.pairs(port, process.id());
    pairs.extend(role("client", client));
    pairs.push(("--shapes", shape.name().to_owned()));
    let (_, line) = Process::role(&pairs)?;
    let numbers = line.split(' ').map(str::parse::<f64>);
    let numbers: Result<_, _> = numbers.collect();
    numbers.map_err(|_| io::Error::other(format!("the client said `{line}`")))
}

fn print(columns: &[&str], pairs: &[(Side, Side)], all: &[Vec<Vec<f64>>]) {
    print!("{:<26}", "client-server");
    for name in columns {
        print!("{name:>14}");
    }
    println!();
    let name = |(client, server): (Side, Side)| format!("{}-{}", client.name(), server.name());
    for (pair, runs) in pairs.iter().zip(all) {
        let columns = 0..columns.len();
        let values = columns.map(|at| median(runs.iter().map(|run| run[at])));
        row(&name(*pair), values, 1);
    }
    let (Some(first), Some(base)) = (pairs.first(), all.first()) else {
        return;
    };
    for (pair, runs) in pairs.iter().zip(all).skip(1) {
        let ratio = |at: usize| {
            let pairs = runs.iter().zip(base);
            median(pairs.map(|(ours, peer)| ours[at] / peer[at]))
        };
        let label = format!("{} / {}", name(*pair), name(*first));
        row(&label, (0..columns.len()).map(ratio), 3);
    }
}

fn row(name: &str, values: impl Iterator<Item = f64>, digits: usize) {
    print!("{name:<26}");
    for value in values {
        print!("{value:>14.digits$}");
    }
    println!();
}
