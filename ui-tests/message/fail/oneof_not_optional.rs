//! Oneof not optional.

#[micro::message]
struct Order {
    #[micro(oneof)]
    payment: Payment,
}

#[micro::message(oneof)]
enum Payment {
    Cash(u32),
}

fn main() {}
