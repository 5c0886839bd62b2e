//! Opening a registry by its URL: the table of schemes, and unions of several.
//!
//! Does not read settings; the URL comes from whoever does.

use crate::error::Result;
use crate::registry::fixed::Fixed;
use crate::registry::handle::Registry;
use crate::registry::host::Host;
use crate::registry::mdns::Mdns;
use crate::registry::memory::Memory;
use crate::scheme::Schemes;

crate::scheme::announced!(Registry, REGISTRY_SCHEMES);

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
#[macro_export]
macro_rules! registry_scheme {
    ($name:expr, $open:expr $(,)?) => {
        $crate::__scheme! { registry, REGISTRY_SCHEMES, $name, $open }
    };
}

const KNOWN: Schemes<Registry> = Schemes {
    what: "registry",
    own: &[
        Scheme::new("memory", |rest| Memory::open(rest).map(Registry::new)),
        Scheme::new("static", |rest| Fixed::parse(rest).map(Registry::new)),
        Scheme::new("host", |rest| Host::open(rest).map(Registry::new)),
        Scheme::new("mdns", |rest| Mdns::open(rest).map(Registry::new)),
    ],
    announced,
    later: &[
        "file",
        "etcd",
        "consul",
        "nats",
        "redis",
        "kubernetes",
        "zookeeper",
        "dns",
    ],
};

pub(super) fn open(url: &str) -> Result<Registry> {
    let mut members = Vec::new();
    for part in split(url) {
        members.push(KNOWN.open(part)?);
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
        if !in_settings || next.contains("://") || KNOWN.is_known(next) {
            parts.push(&url[start..at]);
            start = at + 1;
        }
    }
    parts.push(&url[start..]);
    parts
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
