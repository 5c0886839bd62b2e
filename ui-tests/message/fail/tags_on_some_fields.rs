//! Tags on some fields.

#[micro::message]
struct Order {
    #[micro(tag = 1)]
    id: String,
    amount: u32,
    #[micro(tag = 3)]
    note: String,
}

fn main() {}
