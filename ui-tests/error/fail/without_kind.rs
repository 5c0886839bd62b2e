#![allow(unused)]

use micro::prelude::*;

#[micro::error]
enum CartError {
    NoCart,
}

fn main() {}
