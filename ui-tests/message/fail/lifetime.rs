//! Lifetime.

#[micro::message]
struct Order<'a> {
    id: std::borrow::Cow<'a, str>,
}

fn main() {}
