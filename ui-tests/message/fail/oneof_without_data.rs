//! Oneof without data.

#[micro::message(oneof)]
enum Payment {
    Cash,
    Card,
}

fn main() {}
