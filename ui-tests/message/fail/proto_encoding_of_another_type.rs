//! Proto encoding of another type.

#[micro::message]
struct Order {
    #[micro(as = "sint32")]
    delta: u32,
}

fn main() {}
