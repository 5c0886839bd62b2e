//! Starts the servers in turn, runs the generator against each, and prints medians and ratios.

use std::io;

use crate::micro_echo::environment;
use crate::options::{ACCESS_LOGS, AccessLog, Options, Shape};
use micro_benches::arguments::name;
use micro_benches::{Process, median};

/// A server. The others are compared with the first.
struct Server {
    /// Its role, or its access log.
    name: &'static str,
    role: &'static str,
    access_log: Option<AccessLog>,
}

/// Returns the servers to compare.
fn servers(options: &Options) -> Vec<Server> {
    if options.access_logs.is_empty() {
        let server = |role| Server {
            name: role,
            role,
            access_log: None,
        };
        return ["tonic", "micro"].map(server).into();
    }
    let logs = options.access_logs.iter();
    logs.map(|log| Server {
        name: name(ACCESS_LOGS, log),
        role: "micro",
        access_log: Some(*log),
    })
    .collect()
}

/// The results of one run.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    /// Calls per second.
    throughput: f64,
    /// Median latency in microseconds.
    p50: f64,
    /// 99th percentile of the latency in microseconds.
    p99: f64,
    /// Server CPU time per call in microseconds.
    cpu: f64,
}

/// Runs all rounds and prints a table for each shape.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let servers = servers(options);
    for shape in &options.shapes {
        println!(
            "\n{} callers on {} connections, {} rounds of {} s",
            shape.callers, shape.connections, options.run.rounds, options.run.seconds
        );
        let mut all: Vec<Vec<Numbers>> = vec![Vec::new(); servers.len()];
        for round in 0..options.run.rounds {
            for turn in 0..servers.len() {
                // The first server changes from round to round.
                let server = (round + turn) % servers.len();
                all[server].push(measure(&servers[server], *shape, options)?);
            }
        }
        print(&servers, &all);
    }
    Ok(())
}

fn measure(server: &Server, shape: Shape, options: &Options) -> io::Result<Numbers> {
    let mut pairs = vec![("--role", server.role.to_owned())];
    pairs.extend(
        server
            .access_log
            .map(|_| ("--access-log", server.name.to_owned())),
    );
    let (process, port) = match server.access_log {
        Some(AccessLog::Written) => Process::quiet_role(&pairs, &environment()?)?,
        _ => Process::role(&pairs)?,
    };
    let shape = format!("{}x{}", shape.connections, shape.callers);
    let mut pairs = options.run.pairs(port, process.id());
    pairs.extend([("--role", "generator".to_owned()), ("--shapes", shape)]);
    let (_, line) = Process::role(&pairs)?;
    let numbers: Vec<f64> = line.split(' ').filter_map(|n| n.parse().ok()).collect();
    match *numbers {
        [throughput, p50, p99, cpu] if throughput > 0.0 => Ok(Numbers {
            throughput,
            p50,
            p99,
            cpu,
        }),
        _ => Err(io::Error::other(format!("the generator said `{line}`"))),
    }
}

/// A column: its title, and the function that reads its number.
type Column = (&'static str, fn(&Numbers) -> f64);

const COLUMNS: [Column; 4] = [
    ("calls/s", |n| n.throughput),
    ("p50 µs", |n| n.p50),
    ("p99 µs", |n| n.p99),
    ("CPU µs/call", |n| n.cpu),
];

fn print(servers: &[Server], all: &[Vec<Numbers>]) {
    print!("{:<14}", "");
    for (name, _) in COLUMNS {
        print!("{name:>14}");
    }
    println!();
    for (server, runs) in servers.iter().zip(all) {
        row(server.name, |column| median(runs.iter().map(column)), 1);
    }
    for (server, runs) in servers.iter().zip(all).skip(1) {
        let pairs = || runs.iter().zip(&all[0]);
        let ratio = |column: fn(&Numbers) -> f64| {
            median(pairs().map(|(ours, peer)| column(ours) / column(peer)))
        };
        row(&format!("{} / {}", server.name, servers[0].name), ratio, 3);
    }
    for (server, runs) in servers.iter().zip(all) {
        let (name, each) = (server.name, runs.iter());
        let each: Vec<f64> = each.map(|run| run.throughput).collect();
        let low = each.iter().copied().fold(f64::INFINITY, f64::min);
        let high = each.iter().copied().fold(0.0, f64::max);
        println!(
            "{name}: {low:.0} to {high:.0} calls/s over {} runs",
            each.len()
        );
    }
}

fn row(name: &str, value: impl Fn(fn(&Numbers) -> f64) -> f64, digits: usize) {
    print!("{name:<14}");
    for (_, column) in COLUMNS {
        print!("{:>14.digits$}", value(column));
    }
    println!();
}
