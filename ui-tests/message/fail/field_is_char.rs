//! Field is char.

#[micro::message]
struct Key {
    letter: char,
}

fn main() {}
