#![allow(unused)]

use micro::prelude::*;

#[micro::error(nmae = "X")]
enum CartError {
    NoCart,
    #[micro(not_found, aborted, "one", "two")]
    Twice,
    #[micro(aborted, "x", tga = 3)]
    Unknown,
}

fn main() {}
