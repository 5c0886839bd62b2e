//! Selector: picks the node for a call by strategy, filter, load and health.
//!
//! The selector is pure and synchronous: time is a parameter, and randomness comes from a seed. It
//! does not use the network; the caller reports the outcome of each call.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use micro::registry::Node;
//! use micro::selector::{Choice, Filter, Strategy, Table};
//!
//! let nodes = ["a", "b"].map(|id| Node::new("greeter", id, "127.0.0.1:8080").with_version("1.2.0"));
//! let table: Table<()> = Table::seeded(1);
//! table.update(&nodes, |_node, _health| ());
//!
//! let filter = Filter::new().version("1.2");
//! let choice = Choice { strategy: Strategy::RoundRobin, method: None, filter: &filter, tried: &[] };
//! let first = table.pick(&choice, Duration::ZERO).expect("a node");
//! let second = table.pick(&choice, Duration::ZERO).expect("a node");
//! assert_ne!(first.member().node().id, second.member().node().id);
//! ```

mod filter;
mod health;
mod load;
mod pick;
mod random;
mod strategy;
mod table;

pub use self::filter::Filter;
pub use self::health::{Health, Probing};
pub use self::load::Load;
pub use self::strategy::Strategy;
pub use self::table::{Choice, Flight, Member, Table, Update};

#[cfg(test)]
mod simulation;
