//! Reserved is not a number.

#[micro::message(reserved(0, 5..9, 9..=5, all))]
struct Order {
    id: u64,
}

fn main() {}
