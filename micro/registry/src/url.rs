//! Opens a registry by its URL: the table of schemes, and unions of several URLs.
//!
//! This module does not read settings. Callers pass the URL.

use crate::handle::Registry;
use crate::memory::Memory;
use crate::static_nodes::Static;
use micro_core::scheme::{Opener, Schemes};
use micro_message::error::Result;

micro_core::__announced!(Registry, REGISTRY_SCHEMES);

/// Announces a registry's URL scheme: its name, and a function that creates the registry from the
/// part after `://`. The function must not connect to anything.
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
    ($name:expr, off $feature:literal) => {
        $crate::__private::submit! {
            [$crate::REGISTRY_SCHEMES] $crate::Scheme = $crate::Scheme::off($name, $feature)
        }
    };
    ($name:expr, $open:expr $(,)?) => {
        $crate::__private::submit! {
            [$crate::REGISTRY_SCHEMES] $crate::Scheme = $crate::Scheme::new($name, $open)
        }
    };
}

const KNOWN_SCHEMES: Schemes<Registry> = Schemes {
    what: "registry",
    own: &[
        Opener::new("memory", |rest| Memory::open(rest).map(Registry::new)),
        Opener::new("static", |rest| Static::parse(rest).map(Registry::new)),
    ],
    announced,
};

pub(super) fn open(url: &str, given: &[Scheme]) -> Result<Registry> {
    let given: Vec<_> = given.iter().map(|scheme| scheme.0).collect();
    let mut members = Vec::new();
    for part in split(url, &given) {
        members.push(KNOWN_SCHEMES.open(part, &given)?);
    }
    if members.len() == 1 {
        return Ok(members.remove(0));
    }
    Ok(Registry::union(members))
}

/// Splits at each `+` and `,` that is followed by a scheme. Other separators belong to a backend's
/// settings.
fn split<'a>(url: &'a str, given: &[Opener<Registry>]) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in url.match_indices(['+', ',']) {
        let next = url[at + 1..].split(['+', ',']).next().unwrap_or_default();
        let in_settings = url[start..at].contains("://");
        if !in_settings || next.contains("://") || KNOWN_SCHEMES.is_known(next, given) {
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
    use micro_message::error::ErrorKind;

    // With linkme, an announcement expands to code that this crate's lints forbid.
    #[cfg(not(feature = "linkme"))]
    crate::registry_scheme!("elsewhere", |_| Ok(Registry::new(Memory::new())));

    #[cfg(not(feature = "linkme"))]
    crate::registry_scheme!("missing", off "missing");

    fn open(url: &str) -> Result<Registry> {
        super::open(url, &[])
    }

    fn split(url: &str) -> Vec<&str> {
        super::split(url, &[])
    }

    #[test]
    fn several_are_cut_only_where_a_scheme_follows() {
        assert_eq!(split("static+memory"), ["static", "memory"]);
        assert_eq!(
            split("file:///run/a+b,c,memory://"),
            ["file:///run/a+b,c", "memory://"]
        );
        assert_eq!(
            split("static://a=b:1,c=d:2+memory://"),
            ["static://a=b:1,c=d:2", "memory://"]
        );
        assert_eq!(split("memory+mdsn"), ["memory", "mdsn"]);
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
        assert!(!text.contains("`missing`"), "{text}");
        #[cfg(not(feature = "linkme"))]
        assert!(text.contains("`elsewhere`, "), "{text}");
    }

    #[cfg(not(feature = "linkme"))]
    #[test]
    fn a_scheme_whose_feature_is_off_names_the_feature() {
        let error = open("missing://here").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unimplemented);
        assert!(error.message().contains("feature `missing`"), "{error}");
    }

    #[test]
    fn a_scheme_that_is_given_comes_first_and_is_split_off() {
        let given = [Scheme::new("memory", |rest| {
            assert_eq!(rest, "given");
            Ok(Registry::new(Memory::new()))
        })];
        let opened = super::open("static://a=b:1+memory://given", &given).unwrap();
        assert_eq!(opened.scheme(), "static+memory");
    }

    #[cfg(not(feature = "linkme"))]
    #[test]
    fn announced_scheme_opens() {
        open("elsewhere://").unwrap();
    }
}
