//! Unknown key.

#[micro::message(tpoic = "shop.ordered")]
struct Order {
    #[micro(nmae = "identifier")]
    id: String,
    #[micro(optional)]
    note: String,
}

fn main() {}
