//! Streams under load: micro compared with hand-written tonic, as client and server, alternating.
//!
//! Servers and clients are separate processes: this program starts itself in other roles. A pair is
//! `client-server`. Messages have 100 bytes, and every received one is checked. The numbers depend
//! on the machine and the moment; only the ratios are meaningful.
//!
//! | shape | workload | numbers |
//! |---|---|---|
//! | `ping` | bidirectional, one message at a time | messages/s, p50 and p99 in µs |
//! | `window` | bidirectional, 256 messages in flight | messages/s |
//! | `down` | a server stream, read as fast as possible | messages/s |
//! | `idle` | 10,000 open bidirectional streams | bytes per stream: client, server |
//! | `stalled` | 64 endless server streams that are not read | bytes per stream: client, server |
//!
//! ```text
//! cargo run --release -p micro-benches --bin streams [-- --rounds 9 --seconds 3
//!     --shapes ping,window,down,idle,stalled --pairs tonic-tonic,micro-micro,micro-tonic]
//! ```

mod caller;
mod micro_side;
mod options;
mod report;
mod tonic_side;

use std::io;

use crate::caller::Caller;
use crate::micro_side::Micro;
use crate::options::{Options, Role, Side};
use crate::tonic_side::Tonic;

fn main() -> io::Result<()> {
    let options = Options::from_arguments(std::env::args().skip(1))?;
    match (options.role, options.side) {
        (Role::Report, _) => report::run(&options),
        (Role::Server, Side::Micro) => micro_side::serve(),
        (Role::Server, Side::Tonic) => tonic_side::serve(),
        (Role::Client, Side::Micro) => client::<Micro>(options),
        (Role::Client, Side::Tonic) => client::<Tonic>(options),
    }
}

/// Calls a server according to the options. Prints one line of numbers.
fn client<C: Caller>(options: Options) -> io::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        // Run on a worker thread of the runtime, as calls in a program do.
        let line = tokio::spawn(async move { caller::measure::<C>(&options).await });
        println!("{}", line.await.map_err(io::Error::other)??);
        Ok(())
    })
}
