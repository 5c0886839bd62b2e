//! Several mistakes.

#[micro::message(topic, reserved())]
struct Order {
    #[micro(tag = 0)]
    id: &'static str,
    #[micro(naem = "x")]
    amount: u32,
    #[micro(tag = 3)]
    note: String,
}

fn main() {}
