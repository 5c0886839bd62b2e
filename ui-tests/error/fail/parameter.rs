#![allow(unused)]

use micro::prelude::*;

#[micro::error]
enum CartError<T> {
    #[micro(not_found, "no cart")]
    NoCart(T),
}

fn main() {}
