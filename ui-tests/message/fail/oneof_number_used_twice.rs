//! Oneof number used twice.

use micro::codec::Message;

#[micro::message]
struct Order {
    #[micro(tag = 1)]
    id: u64,
    #[micro(oneof)]
    payment: Option<Payment>,
}

#[micro::message(oneof)]
enum Payment {
    #[micro(tag = 1)]
    Cash(u32),
}

fn main() {
    let _ = Order { id: 1, payment: None }.encode_json(&mut Vec::new());
}
