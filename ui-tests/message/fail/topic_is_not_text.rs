//! Topic is not text.

#[micro::message(topic = 3)]
struct Ordered {
    id: String,
}

#[micro::message(topic = "")]
struct Cancelled {
    id: String,
}

fn main() {}
