//! Tag on an enum without data.

#[micro::message]
enum Status {
    #[micro(tag = 1)]
    Open,
    Closed,
}

fn main() {}
