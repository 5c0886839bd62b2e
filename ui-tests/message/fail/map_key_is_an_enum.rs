//! Map key is an enum.

#[micro::message]
struct Levels {
    names: std::collections::BTreeMap<Level, String>,
}

#[micro::message]
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Low,
    High,
}

fn main() {}
