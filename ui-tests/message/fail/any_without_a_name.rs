//! Any without a name.

#[micro::message(any)]
struct Page<T> {
    items: Vec<T>,
}

#[micro::message(any)]
enum State {
    Open,
}

fn main() {}
