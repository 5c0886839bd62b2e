//! Map key is a float.

use std::collections::{BTreeMap, HashMap};

#[micro::message]
struct Prices {
    names: HashMap<f64, u32>,
    sorted: BTreeMap<f64, u32>,
}

fn main() {}
