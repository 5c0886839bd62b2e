//! Catch all on a field.

#[micro::message]
struct Order {
    #[micro(other)]
    id: String,
}

fn main() {}
