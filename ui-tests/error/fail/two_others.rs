#![allow(unused)]

use micro::prelude::*;

#[micro::error]
enum CartError {
    #[micro(other)]
    One(Error),
    #[micro(other)]
    Two(Error),
}

fn main() {}
