#![allow(unused)]

use micro::prelude::*;

#[micro::error]
enum CartError {
    #[micro(not_found, "no cart")]
    NoCart,
    #[micro(other)]
    Other(std::io::Error),
}

fn main() {}
