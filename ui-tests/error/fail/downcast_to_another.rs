#![allow(unused)]

use micro::prelude::*;

struct Plain;

fn look(error: Error) {
    let _ = error.downcast::<Plain>();
}

fn main() {}
