//! Oneof as a field.

#[micro::message]
struct Order {
    payment: Option<Payment>,
}

#[micro::message(oneof)]
enum Payment {
    Cash(u32),
}

fn main() {}
