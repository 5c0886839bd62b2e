//! gRPC under load: micro compared with hand-written tonic, alternating, with one load generator.
//!
//! Servers and generator are separate processes: this program starts itself in other roles. The
//! call is a 100-byte echo, with 1 and 64 callers on one connection and 256 on four. Every response
//! is checked. The numbers depend on the machine and the moment; only the ratios are meaningful.
//!
//! ```text
//! cargo run --release -p micro-benches --bin load [-- --rounds 9 --seconds 3 --shapes 1x1,1x64]
//! ```
//!
//! The cost of the access log: micro with each of these compared with micro with the first.
//!
//! ```text
//! cargo run --release -p micro-benches --bin load -- --access-log off,errors,all,written --shapes 1x64
//! ```

mod generator;
mod micro_echo;
mod options;
mod report;
mod tonic_echo;

use std::io;

use crate::options::{Options, Role};

fn main() -> io::Result<()> {
    let options = Options::from_arguments(std::env::args().skip(1))?;
    match options.role {
        Role::Report => report::run(&options),
        Role::Micro => micro_echo::serve(options.access_logs.first().copied()),
        Role::Tonic => tonic_echo::serve(),
        Role::Generator => generator::run(&options),
    }
}
