//! Field is a raw pointer.

#[micro::message]
struct Order {
    next: *const u8,
}

fn main() {}
