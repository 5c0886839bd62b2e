//! A look upwards or sideways, a module without a rung, a name taken from the root.

use std::collections::BTreeSet;

use super::edges::Graph;
use crate::sources::Offence;

/// What does not hold of a graph.
pub(super) fn offences(graph: &Graph, rungs: &[&[&str]]) -> Vec<Offence> {
    let rung = |module: &str| rungs.iter().position(|names| names.contains(&module));
    let mut found = homeless(graph, &rung);
    let known: BTreeSet<&str> = graph.files.keys().filter_map(|path| top(path)).collect();
    for edge in &graph.edges {
        let Some(from) = top(&edge.from) else {
            continue;
        };
        let defined = graph.locate(&edge.to);
        // An exported macro is reached by the root alone.
        let to = if graph.is_macro(&edge.to) {
            &defined
        } else {
            &edge.to
        };
        let rule = match top(to).filter(|to| known.contains(to)) {
            Some(to) if to == from => continue,
            // Of this module itself, or of another crate: the attributes.
            None if defined.is_empty() || top(&defined) == Some(from) => continue,
            None => {
                let wanted = [&*defined, &edge.to[edge.to.len().saturating_sub(1)..]].concat();
                format!("name it by its module: `crate::{}`", wanted.join("::"))
            }
            Some(to) => match (rung(from), rung(to)) {
                (Some(low), Some(high)) if low < high => {
                    format!("`{from}` looks up at `{to}`")
                }
                (Some(low), Some(high)) if low == high => {
                    format!("`{from}` looks sideways at `{to}`")
                }
                _ => continue,
            },
        };
        found.push(Offence {
            path: edge.file.clone(),
            line: edge.line,
            rule,
        });
    }
    found
}

/// Top-level modules without a rung.
fn homeless(graph: &Graph, rung: &dyn Fn(&str) -> Option<usize>) -> Vec<Offence> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (path, file) in &graph.files {
        if let Some(module) = top(path)
            && rung(module).is_none()
            && seen.insert(module)
        {
            found.push(Offence {
                path: file.clone(),
                line: 1,
                rule: format!("module `{module}` stands on no rung"),
            });
        }
    }
    found
}

fn top(path: &[String]) -> Option<&str> {
    path.first().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::{RUNGS, sample};
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let mut all = offences(&sample(files), RUNGS);
        all.sort();
        all.iter().map(Offence::to_string).collect()
    }

    #[test]
    fn a_look_up_is_found_wherever_it_hides() {
        let looks = [
            "use crate::client::Client;",
            "use crate::{error::Error, client::{Client as C}};",
            "use super::client::Client;",
            "use micro::client::Client;",
            "fn f(c: &crate::client::Client) {}",
            "fn f() { info!(a = %crate::client::name(), \"x\") }",
            "fn f() { crate::client::call() }",
            "mod tests { use super::super::client::Client; }",
            "pub(crate) use crate::client;",
            "macro_rules! local { () => { $crate::client::call() } }",
        ];
        for look in looks {
            let all = found(&[
                ("lib.rs", "pub mod client; pub mod registry; pub mod error;"),
                ("client/mod.rs", ""),
                ("error.rs", ""),
                ("registry.rs", &format!("\n{look}")),
            ]);
            let wanted = "micro/src/registry.rs:2: `registry` looks up at `client`";
            assert_eq!(all, [wanted], "in {look}");
        }
    }

    #[test]
    fn a_look_sideways_is_found() {
        let all = found(&[
            ("client/call.rs", "use crate::server::Server;"),
            ("server/mod.rs", "mod a;"),
        ]);
        let wanted = "micro/src/client/call.rs:1: `client` looks sideways at `server`";
        assert_eq!(all, [wanted]);
    }

    #[test]
    fn a_look_down_or_home_is_fine() {
        let all = found(&[
            (
                "lib.rs",
                "pub use error::Error; pub use micro_macros::message;",
            ),
            ("error.rs", "#[micro::message] pub struct Error;"),
            (
                "client/mod.rs",
                "pub use self::call::Call; use crate::error::Error;",
            ),
            (
                "client/call.rs",
                "use super::Call; use crate::client; mod t { use super::*; }",
            ),
        ]);
        assert_eq!(all, Vec::<String>::new());
    }

    #[test]
    fn a_module_without_a_rung_is_found_once() {
        let all = found(&[("helpers/mod.rs", ""), ("helpers/more.rs", "")]);
        assert_eq!(
            all,
            ["micro/src/helpers/mod.rs:1: module `helpers` stands on no rung"]
        );
    }

    #[test]
    fn a_name_taken_from_the_root_is_found() {
        let all = found(&[
            ("lib.rs", "pub use error::Error;"),
            ("error.rs", "pub struct Error;"),
            ("metadata.rs", "use crate::Error;"),
        ]);
        let wanted = "micro/src/metadata.rs:1: name it by its module: `crate::error::Error`";
        assert_eq!(all, [wanted]);
    }

    #[test]
    fn an_exported_macro_belongs_to_the_module_that_defines_it() {
        let all = found(&[
            ("lib.rs", ""),
            ("__private.rs", "pub use crate::__submit as submit;"),
            ("metadata.rs", "fn f() { crate::__submit!() }"),
            (
                "handler.rs",
                "#[macro_export] macro_rules! __submit { () => { $crate::__private::x } }\n\
                 fn f() { crate::__submit!() }",
            ),
        ]);
        assert_eq!(
            all,
            ["micro/src/metadata.rs:1: `metadata` looks up at `handler`"]
        );
    }
}
