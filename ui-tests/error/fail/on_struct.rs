#![allow(unused)]

use micro::prelude::*;

#[micro::error]
struct CartError {
    id: u64,
}

fn main() {}
