//! Within is not a message.

struct Order;

#[micro::message(within = Order)]
struct Line {}

fn main() {}
