#![allow(unused)]

use micro::prelude::*;

#[micro::error]
enum CartError {
    #[micro(notfound, "no cart")]
    NoCart,
}

fn main() {}
