//! Opening a registry by its URL: the table of schemes, ours and those that other crates announce.
//!
//! Does not read settings; the URL comes from whoever does.

use crate::error::{Error, Result};
use crate::registry::fixed::Fixed;
use crate::registry::handle::Registry;
use crate::registry::host::Host;
use crate::registry::mdns::Mdns;
use crate::registry::memory::Memory;

/// A URL scheme and what opens it; another crate announces its own by
/// [`registry_scheme!`](crate::registry_scheme).
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

#[cfg(not(feature = "linkme"))]
inventory::collect!(Scheme);

/// What other crates announced.
#[cfg(feature = "linkme")]
#[doc(hidden)]
#[linkme::distributed_slice]
pub static SCHEMES: [Scheme];

/// Announces a registry's URL scheme: its name, and a function from what follows `://` to the
/// registry, which contacts nobody yet.
///
/// # Examples
///
/// ```
/// use micro::registry::{Memory, Registry};
///
/// micro::registry_scheme!("elsewhere", |_rest| Ok(Registry::new(Memory::new())));
///
/// assert!(Registry::open("elsewhere://10.0.0.1").is_ok());
/// ```
#[cfg(not(feature = "linkme"))]
#[macro_export]
macro_rules! registry_scheme {
    ($name:expr, $open:expr $(,)?) => {
        $crate::__private::inventory::submit! { $crate::registry::Scheme::new($name, $open) }
    };
}

/// Announces a registry's URL scheme: its name, and a function from what follows `://` to the
/// registry, which contacts nobody yet.
#[cfg(feature = "linkme")]
#[macro_export]
macro_rules! registry_scheme {
    ($name:expr, $open:expr $(,)?) => {
        const _: () = {
            #[$crate::__private::linkme::distributed_slice($crate::registry::SCHEMES)]
            #[linkme(crate = $crate::__private::linkme)]
            static SCHEME: $crate::registry::Scheme = $crate::registry::Scheme::new($name, $open);
        };
    };
}

/// Ours; another crate cannot take their place.
const OWN: &[Scheme] = &[
    Scheme::new("memory", |rest| Memory::open(rest).map(Registry::new)),
    Scheme::new("static", |rest| Fixed::parse(rest).map(Registry::new)),
    Scheme::new("host", |rest| Host::open(rest).map(Registry::new)),
    Scheme::new("mdns", |rest| Mdns::open(rest).map(Registry::new)),
];

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
    let mut members = Vec::new();
    for part in split(url) {
        members.push(open_one(part)?);
    }
    if members.len() == 1 {
        return Ok(members.remove(0));
    }
    Ok(Registry::union(members))
}

/// Cuts at each `+` and `,` that a scheme follows; others belong to the settings of a backend.
fn split(url: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in url.match_indices(['+', ',']) {
        let next = url[at + 1..].split(['+', ',']).next().unwrap_or_default();
        let in_settings = url[start..at].contains("://");
        if !in_settings || next.contains("://") || is_known(next) {
            parts.push(&url[start..at]);
            start = at + 1;
        }
    }
    parts.push(&url[start..]);
    parts
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
    let name = name.escape_default();
    Err(Error::invalid_argument(format!(
        "there is no registry `{name}`, known: {}",
        known()
    )))
}

fn schemes() -> impl Iterator<Item = &'static Scheme> {
    #[cfg(not(feature = "linkme"))]
    let announced = inventory::iter::<Scheme>;
    #[cfg(feature = "linkme")]
    let announced = SCHEMES;
    OWN.iter().chain(announced)
}

fn is_known(name: &str) -> bool {
    LATER.contains(&name) || schemes().any(|scheme| scheme.name == name)
}

fn known() -> String {
    let mut names: Vec<_> = schemes()
        .map(|scheme| format!("`{}`", scheme.name))
        .collect();
    names.sort();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    // With linkme an announcement is code that this crate forbids itself.
    #[cfg(not(feature = "linkme"))]
    crate::registry_scheme!("elsewhere", |_| Ok(Registry::new(Memory::new())));

    #[test]
    fn several_are_cut_only_where_a_scheme_follows() {
        assert_eq!(split("host+mdns"), ["host", "mdns"]);
        assert_eq!(
            split("host:///run/a+b,c,mdns://"),
            ["host:///run/a+b,c", "mdns://"]
        );
        assert_eq!(
            split("static://a=b:1,c=d:2+memory://"),
            ["static://a=b:1,c=d:2", "memory://"]
        );
        assert_eq!(split("host+mdsn"), ["host", "mdsn"]);
        assert_eq!(
            open("memory://,static://a=b:1").unwrap().scheme(),
            "memory+static"
        );
        assert_eq!(open("memory").unwrap().scheme(), "memory");
    }

    #[test]
    fn unknown_scheme_lists_the_known_ones() {
        let error = open("zk://here").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        let text = error.message();
        assert!(
            text.starts_with("there is no registry `zk`, known: `"),
            "{text}"
        );
        assert!(text.contains("`memory`, `static`"), "{text}");
        #[cfg(not(feature = "linkme"))]
        assert!(text.contains("`elsewhere`, "), "{text}");
    }

    #[test]
    fn scheme_to_come_says_so() {
        let error = open("etcd://10.0.0.1:2379").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unimplemented);
        assert!(
            error
                .message()
                .contains("`etcd` is not available in this version"),
            "{error}"
        );
    }

    #[cfg(not(feature = "linkme"))]
    #[test]
    fn announced_scheme_opens() {
        open("elsewhere://").unwrap();
    }
}
