//! Name is not an identifier.

#[micro::message(name = "my order", package = "shop..v1")]
struct Order {
    #[micro(name = "the-id")]
    id: String,
    größe: u32,
}

fn main() {}
