//! Opening a registry by its URL: the table of schemes, ours and those that other crates announce.
//!
//! Does not read settings; the URL comes from whoever does.

use crate::error::{Error, Result};
use crate::registry::handle::Registry;
use crate::registry::memory::Memory;

/// A URL scheme and what opens it.
///
/// A crate with a backend of its own announces it once, by
/// `inventory::submit! { micro::registry::Scheme::new("zk", open) }`.
#[derive(Debug)]
pub struct Scheme {
    name: &'static str,
    open: fn(&str) -> Result<Registry>,
}

impl Scheme {
    /// A scheme by its name and a function that takes what follows `://` and contacts nobody yet.
    pub const fn new(name: &'static str, open: fn(&str) -> Result<Registry>) -> Self {
        Self { name, open }
    }
}

inventory::collect!(Scheme);

/// Ours; another crate cannot take their place.
const OWN: &[Scheme] = &[Scheme::new("memory", |rest| {
    Memory::open(rest).map(Registry::new)
})];

/// Schemes whose meaning is settled and whose backend is still to come.
const LATER: &[&str] = &[
    "file",
    "etcd",
    "consul",
    "nats",
    "redis",
    "kubernetes",
    "zookeeper",
    "dns",
];

pub(super) fn open(url: &str) -> Result<Registry> {
    open_one(url)
}

fn open_one(url: &str) -> Result<Registry> {
    let (name, rest) = url.split_once("://").unwrap_or((url, ""));
    if let Some(scheme) = schemes().find(|scheme| scheme.name == name) {
        return (scheme.open)(rest);
    }
    if LATER.contains(&name) {
        return Err(Error::unimplemented(format!(
            "registry `{name}` is not available in this version, choose from: {}",
            known()
        )));
    }
    Err(Error::invalid_argument(format!(
        "no registry `{name}`, known: {}",
        known()
    )))
}

fn schemes() -> impl Iterator<Item = &'static Scheme> {
    OWN.iter().chain(inventory::iter::<Scheme>)
}

fn known() -> String {
    let mut names: Vec<_> = schemes()
        .map(|scheme| format!("`{}`", scheme.name))
        .collect();
    names.sort();
    names.dedup();
    names.join(", ")
}
