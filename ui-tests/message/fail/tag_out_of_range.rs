//! Tag out of range.

#[micro::message]
struct Order {
    #[micro(tag = 0)]
    id: String,
    #[micro(tag = 19_500)]
    amount: u32,
    #[micro(tag = 536_870_912)]
    note: String,
}

fn main() {}
