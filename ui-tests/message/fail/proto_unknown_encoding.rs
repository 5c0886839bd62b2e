//! Proto unknown encoding.

#[micro::message]
struct Order {
    #[micro(as = "sint23")]
    delta: i32,
    #[micro(as = "map<sint32>")]
    sizes: std::collections::HashMap<i32, i32>,
}

fn main() {}
