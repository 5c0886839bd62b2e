#![allow(unused)]

use micro::prelude::*;

#[derive(Debug)]
struct Plain;

#[micro::error]
enum CartError {
    #[micro(not_found, "no cart")]
    NoCart { plain: Plain },
}

fn main() {}
