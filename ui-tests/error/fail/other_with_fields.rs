#![allow(unused)]

use micro::prelude::*;

#[micro::error]
enum CartError {
    #[micro(other)]
    Other { error: Error },
}

fn main() {}
