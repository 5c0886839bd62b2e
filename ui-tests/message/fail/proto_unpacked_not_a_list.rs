//! Proto unpacked not a list.

#[micro::message]
struct Order {
    #[micro(unpacked)]
    count: i32,
}

fn main() {}
