#![allow(unused)]

use micro::prelude::*;

#[micro::error]
enum CartError {
    #[micro(not_found, "no carts {ids}")]
    NoCarts { ids: Vec<u64> },
}

fn main() {}
