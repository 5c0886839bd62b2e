//! Enum number is computed.

#[micro::message]
enum Status {
    Open = 1 + 1,
    Closed = 5_000_000_000,
}

fn main() {}
