//! Name used twice.

#[micro::message]
struct Order {
    first_name: String,
    #[micro(name = "firstName")]
    other: String,
}

fn main() {}
