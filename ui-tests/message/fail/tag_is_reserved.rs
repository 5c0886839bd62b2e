//! Tag is reserved.

#[micro::message(reserved(2, 5))]
struct Order {
    #[micro(tag = 1)]
    id: String,
    #[micro(tag = 5)]
    amount: u32,
}

fn main() {}
