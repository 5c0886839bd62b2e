//! Oneof of a message.

#[micro::message]
struct Order {
    #[micro(oneof)]
    payment: Option<Payment>,
}

#[micro::message]
enum Payment {
    Cash(u32),
}

fn main() {}
