//! Derives of the user work, including those of serde.
#![deny(warnings)]

use micro::codec::Message;

#[micro::message]
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
struct Order {
    id: String,
    #[micro(name = "sum", default)]
    amount: u64,
}

#[derive(Debug, Clone, PartialEq)]
#[micro::message]
enum Shape {
    Circle(f64),
    Rect { width: f64, height: f64 },
}

#[micro::message]
#[derive(serde::Serialize, serde::Deserialize)]
struct Own {
    big_number: u64,
}

#[micro::message]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
enum Level {
    #[default]
    Low = 1,
    High = 7,
}

fn main() {
    let order = Order { id: "1".to_owned(), amount: 2 };
    assert_eq!(order.clone(), order);
    assert_eq!(serde_json::to_string(&order).unwrap(), r#"{"id":"1","sum":"2"}"#);
    let own = Own { big_number: 1 };
    assert_eq!(serde_json::to_string(&own).unwrap(), r#"{"big_number":1}"#);
    let mut out = Vec::new();
    own.encode_json(&mut out).unwrap();
    assert_eq!(out, br#"{"bigNumber":"1"}"#);
    assert_eq!(Level::High as u8, 7);
    let _ = (Level::Low, Shape::Circle(1.0), Shape::Rect { width: 1.0, height: 2.0 }.clone());
}
