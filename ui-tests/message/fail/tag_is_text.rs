//! Tag is text.

#[micro::message]
struct Order {
    #[micro(tag = "1")]
    id: String,
}

fn main() {}
