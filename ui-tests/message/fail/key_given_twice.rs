//! Key given twice.

#[micro::message(name = "A", name = "B")]
struct Order {
    #[micro(default, default)]
    id: String,
}

fn main() {}
