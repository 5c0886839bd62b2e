//! Parameter is not a message.

#[micro::message]
struct Page<T> {
    items: Vec<T>,
}

struct Line;

#[micro::message]
struct Order {
    lines: Page<Line>,
}

fn main() {}
