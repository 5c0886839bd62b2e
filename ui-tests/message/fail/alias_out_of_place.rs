//! Alias out of place.

#[micro::message]
struct Order {
    #[micro(alias("ID"))]
    id: u64,
}

#[micro::message]
enum State {
    #[micro(alias())]
    Open,
    #[micro(alias("STATE_OPEN", "STATE_SHUT", "not a name"))]
    Closed,
    #[micro(alias("STATE_SHUT"), json = "gone")]
    Gone,
}

fn main() {}
