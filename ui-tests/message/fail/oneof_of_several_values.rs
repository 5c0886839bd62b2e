//! Oneof of several values.

#[micro::message(oneof, package = "shop", topic = "shop.paid")]
enum Payment {
    Card { number: String, cents: u32 },
}

fn main() {}
