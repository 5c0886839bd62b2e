//! Topic on an enum without data.

#[micro::message(topic = "shop.status")]
enum Status {
    Open,
    Closed,
}

fn main() {}
