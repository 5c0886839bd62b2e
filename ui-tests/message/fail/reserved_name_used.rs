//! Reserved name used.

#[micro::message(reserved("id", "colour"))]
struct Order {
    id: u64,
}

#[micro::message(reserved(2.., -1, "STATE_OPEN"))]
enum State {
    Open,
    Gone = 7,
}

fn main() {}
