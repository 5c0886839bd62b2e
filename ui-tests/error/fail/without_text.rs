#![allow(unused)]

use micro::prelude::*;

#[micro::error]
enum CartError {
    #[micro(not_found)]
    NoCart,
}

fn main() {}
