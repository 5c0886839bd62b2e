//! Who may name whom: a module names modules on lower rungs, and folders make no cycle.

mod cycles;
mod edges;
mod rungs;

use crate::sources::{Text, expect_none, rust};
use edges::Graph;

/// The modules of the runtime, lowest rung first. Neighbours do not name each other.
const RUNGS: &[&[&str]] = &[
    &["error"],
    &["metadata", "scheme", "wake"],
    &["codec", "context"],
    // Descriptors come out of messages, which are the codec's.
    &["schema", "types"],
    &["driver"],
    &["transport", "registry", "store", "auth"],
    &["broker", "events", "config", "sync"],
    &["selector", "handler"],
    &["wrap"],
    &["client", "server"],
    &["app"],
    &["prelude", "testing"],
    // Generated code reaches every rung.
    &["__private"],
];

#[test]
fn modules_name_lower_rungs_only() {
    expect_none(rungs::offences(&Graph::read(rust("micro/src/")), RUNGS));
}

#[test]
fn folders_make_no_cycle() {
    expect_none(cycles::offences(&Graph::read(rust("micro/src/"))));
}

#[test]
fn the_attributes_know_nothing_of_the_runtime() {
    let manifest = include_str!("../../../micro-macros/Cargo.toml");
    let names = manifest.lines().filter(|line| !line.starts_with("name"));
    let runtime: Vec<&str> = names.filter(|line| line.starts_with("micro")).collect();
    assert_eq!(runtime, Vec::<&str>::new());
}

/// Files of an imagined runtime: `(path, text)`.
fn sample(files: &[(&str, &str)]) -> Graph {
    let texts: Vec<Text> = files
        .iter()
        .map(|(path, text)| Text::new(format!("micro/src/{path}"), *text))
        .collect();
    Graph::read(&texts)
}
