//! Map of maps.

use std::collections::HashMap;

#[micro::message]
struct Prices {
    names: HashMap<u64, HashMap<String, u32>>,
}

fn main() {}
