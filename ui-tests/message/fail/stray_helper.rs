//! Stray helper.

#[micro::message]
#[micro(topic = "shop.ordered")]
struct Order {
    id: String,
}

fn main() {}
