//! Folders that name each other in a ring.
//!
//! Files of one folder may: a folder is one thing in several files. So may a folder and the one
//! it stands in. Two backends in two folders may not, however long the way round.

use std::collections::{BTreeMap, BTreeSet};

use super::edges::{Edge, Graph, Path};
use crate::sources::Offence;

type Links<'a> = BTreeMap<Path, BTreeMap<Path, &'a Edge>>;

/// The mentions that close a ring.
pub(super) fn offences(graph: &Graph) -> Vec<Offence> {
    let links = links(graph);
    let mut found = Vec::new();
    for (from, targets) in &links {
        for (to, edge) in targets {
            if reaches(&links, to, from) {
                found.push(Offence {
                    path: edge.file.clone(),
                    line: edge.line,
                    rule: format!(
                        "`{}` and `{}` name each other, perhaps through others",
                        from.join("::"),
                        to.join("::")
                    ),
                });
            }
        }
    }
    found
}

fn links(graph: &Graph) -> Links<'_> {
    let mut links = Links::new();
    for edge in &graph.edges {
        let from = graph.folder(&edge.from);
        let to = graph.folder(&graph.locate(&edge.to));
        if !to.starts_with(&from) && !from.starts_with(&to) {
            links.entry(from).or_default().entry(to).or_insert(edge);
        }
    }
    links
}

fn reaches(links: &Links<'_>, start: &Path, goal: &Path) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(here) = open.pop() {
        if here == goal {
            return true;
        }
        if seen.insert(here) {
            open.extend(links.get(here).into_iter().flat_map(BTreeMap::keys));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let mut all = offences(&sample(files));
        all.sort();
        all.iter().map(Offence::to_string).collect()
    }

    #[test]
    fn a_ring_of_folders_is_found_through_a_re_export() {
        let all = found(&[
            ("registry/mod.rs", "pub use self::a::A; pub use self::b::B;"),
            ("registry/a/mod.rs", "mod own; pub use self::own::A;"),
            ("registry/a/own.rs", "use crate::registry::B; pub struct A;"),
            ("registry/b/mod.rs", "use super::A; pub struct B;"),
        ]);
        assert_eq!(all.len(), 2, "{all:?}");
        let wanted = "micro/src/registry/a/own.rs:1: `registry::a` and `registry::b`";
        assert!(all[0].starts_with(wanted), "{all:?}");
    }

    #[test]
    fn a_ring_over_three_folders_is_found() {
        let all = found(&[
            ("registry/mod.rs", "mod a; mod b; mod c;"),
            ("registry/a/mod.rs", "use crate::registry::b::B;"),
            ("registry/b/mod.rs", "fn f() { super::c::f() }"),
            ("registry/c/mod.rs", "use crate::registry::a::A;"),
        ]);
        assert_eq!(all.len(), 3, "{all:?}");
    }

    #[test]
    fn a_chain_and_the_files_of_a_folder_are_no_ring() {
        let all = found(&[
            (
                "registry/mod.rs",
                "mod a; pub use self::a::A; pub struct Own;",
            ),
            (
                "registry/a/mod.rs",
                "use crate::registry::b::B; mod x; mod y;",
            ),
            ("registry/a/x.rs", "use crate::registry::{a::y::Y, Own};"),
            ("registry/a/y.rs", "use super::x::X;"),
            (
                "registry/b/mod.rs",
                "use crate::registry::Own; pub struct B;",
            ),
        ]);
        assert_eq!(all, Vec::<String>::new());
    }
}
