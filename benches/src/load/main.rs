//! gRPC under load: ours beside hand-written tonic, in alternation, by one load generator.
//!
//! Servers and generator are processes of their own: this program starts itself in other roles.
//! A 100-byte echo; at 1 and 64 callers on one connection and 256 on four. Every answer is
//! checked. It measures one machine at one moment: believe the ratios, not the numbers.
//!
//! ```text
//! cargo run --release -p micro-benches --bin load [-- --rounds 9 --seconds 3 --shapes 1x1,1x64]
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
        Role::Micro => micro_echo::serve(),
        Role::Tonic => tonic_echo::serve(),
        Role::Generator => generator::run(&options),
    }
}
