//! Proto unpacked map.

#[micro::message]
struct Order {
    #[micro(as = "map<sint32, _>", unpacked)]
    sizes: std::collections::HashMap<i32, i32>,
}

fn main() {}
