//! Enum number used twice.

#[micro::message]
enum Status {
    Open = 1,
    Closed = 2,
    Gone = 1,
}

fn main() {}
