//! Map key is a float.

use std::collections::HashMap;

#[micro::message]
struct Prices {
    names: HashMap<u64, HashMap<String, u32>>,
}

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
