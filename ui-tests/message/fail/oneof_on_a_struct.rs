//! Oneof on a struct.

#[micro::message(oneof)]
struct Payment {
    cash: u32,
}

fn main() {}
