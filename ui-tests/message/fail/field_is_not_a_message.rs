//! Field is not a message.

struct Line {
    item: String,
}

#[micro::message]
struct Order {
    first: Line,
    lines: Vec<Line>,
    last: Option<Line>,
}

fn main() {}
