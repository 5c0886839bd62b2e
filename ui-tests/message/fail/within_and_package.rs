//! Within and package.

#[micro::message]
struct Order {}

#[micro::message(within = Order, package = "shop")]
struct Line {}

fn main() {}
