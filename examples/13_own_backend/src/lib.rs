//! Two backends that micro does not include: a registry in a shared JSON file, and an event log in
//! memory. In a program that links this crate, the settings `registry = "json:///run/nodes.json"`
//! and `events = "vec://"` select them.
//!
//! ```text
//! cargo test --manifest-path examples/13_own_backend/Cargo.toml
//! ```
//!
//! This runs both through the contract suites. `cargo run` with the same path prints `greeter-1
//! serves greeter at 127.0.0.1:8080` and `packed: an apple`.

mod events;
mod registry;

pub use events::Vecs;
pub use registry::JsonFile;

use micro::events::Events;
use micro::registry::Registry;

micro::registry_scheme!("json", |path| Ok(Registry::new(JsonFile::new(path))));
micro::events_scheme!("vec", |_rest| Ok(Events::new(Vecs::default())));
