//! Tag used twice.

#[micro::message]
struct Order {
    #[micro(tag = 2)]
    id: String,
    #[micro(tag = 2)]
    amount: u32,
}

fn main() {}
