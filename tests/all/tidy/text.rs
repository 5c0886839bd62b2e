//! Rules that need no parser: the first line, machine names.

use crate::sources::{Offence, Text};

/// The file must start with `//!`.
pub(super) fn purpose(text: &Text) -> Vec<Offence> {
    if text.body.starts_with("//!") || text.body.starts_with("#![doc = include_str!") {
        return Vec::new();
    }
    vec![Offence {
        path: text.path.clone(),
        line: 1,
        rule: "the file does not open with `//!`".to_owned(),
    }]
}

/// The file must not contain a path of one machine, or a package source other than the usual one.
pub(super) fn machine(text: &Text) -> Vec<Offence> {
    let mut found = Vec::new();
    for (index, line) in text.body.lines().enumerate() {
        if let Some(rule) = machine_in(line) {
            found.push(Offence {
                path: text.path.clone(),
                line: index + 1,
                rule,
            });
        }
    }
    found
}

fn machine_in(line: &str) -> Option<String> {
    // Written in parts, so that this file passes its own check.
    let homes = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Use", "rs/"),
        concat!("/wo", "rk/"),
        concat!("/tm", "p/wt"),
        concat!("/op", "t/"),
        concat!("C:", "\\"),
    ];
    if let Some(home) = homes.iter().find(|home| names_path(line, home)) {
        return Some(format!("a path of one machine: `{home}`"));
    }
    let crates_io = concat!("regi", "stry+https://github.com/rust-lang/crates.io-index");
    let line = line.replace(crates_io, "");
    let hosts = [
        concat!("regi", "stry+"),
        concat!("spar", "se+"),
        concat!("index-", "url"),
        concat!("extra-", "index"),
        concat!("find-", "links"),
        concat!("GOPR", "OXY"),
        concat!("[sour", "ce."),
    ];
    let host = hosts.iter().find(|host| line.contains(**host))?;
    Some(format!("a place to fetch packages from: `{host}`"))
}

/// Whether a line contains a path that starts with `home`, and not only a URL or longer path that
/// contains it.
fn names_path(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"-_.}/".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn rules(found: &[Offence]) -> Vec<(usize, &str)> {
        found.iter().map(|o| (o.line, o.rule.as_str())).collect()
    }

    #[test]
    fn a_file_without_its_purpose_is_found() {
        let found = purpose(&sample("micro/src/a.rs", "use std::fmt;\n//! Late.\n"));
        assert_eq!(rules(&found), [(1, "the file does not open with `//!`")]);
    }

    #[test]
    fn a_machine_is_found_and_an_url_is_not() {
        let bad = [
            concat!("path = \"/ro", "ot/.cargo\""),
            concat!("cd /ho", "me/ada"),
            concat!("source = \"regi", "stry+https://example.org/index\""),
            concat!("pip install --extra-", "index", "-url x"),
            concat!("[sour", "ce.crates-io]"),
        ];
        for line in bad {
            assert_eq!(machine(&sample("a.toml", line)).len(), 1, "{line}");
        }
        let good = [
            concat!("https://example.org/ho", "me/ada"),
            concat!(
                "source = \"regi",
                "stry+https://github.com/rust-lang/crates.io-index\""
            ),
            "a/b/c and /etc/hosts",
        ];
        for line in good {
            assert_eq!(machine(&sample("a.toml", line)), [], "{line}");
        }
    }
}
