//! Catch all without number.

#[micro::message]
enum Status {
    Open,
    #[micro(other)]
    Unknown,
}

fn main() {}
