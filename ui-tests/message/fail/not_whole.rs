//! Not whole.

#[micro::message]
struct Order {
    id: String,
    amount
}

fn main() {}
