#![allow(unused)]

use micro::prelude::*;

#[micro::error]
enum CartError {
    #[micro(not_found, "no cart `{name}`")]
    NoCart { id: u64 },
}

fn main() {}
