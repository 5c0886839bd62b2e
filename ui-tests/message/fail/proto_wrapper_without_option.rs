//! Proto wrapper without option.

#[micro::message]
struct Order {
    #[micro(as = "wrapper")]
    count: i32,
}

fn main() {}
