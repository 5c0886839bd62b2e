//! Oneof next to a field without number.

#[micro::message]
struct Order {
    id: u64,
    #[micro(oneof, tag = 3)]
    payment: Option<Payment>,
}

#[micro::message(oneof)]
enum Payment {
    #[micro(tag = 2)]
    Cash(u32),
}

fn main() {}
