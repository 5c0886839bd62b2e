//! The types as messages of micro.

use std::collections::BTreeMap;

/// 100 bytes.
#[micro::message]
pub(crate) struct Echo {
    data: Vec<u8>,
}

/// A name.
#[micro::message]
pub(crate) struct Hello {
    name: String,
    loud: bool,
}

/// Fields of many kinds, nested.
#[micro::message]
pub(crate) struct Order {
    id: u64,
    customer: String,
    paid: bool,
    total: f64,
    items: Vec<Item>,
    labels: BTreeMap<String, String>,
    note: Option<String>,
    address: Option<Address>,
}

/// Nested in an order.
#[micro::message]
pub(crate) struct Item {
    sku: String,
    count: u32,
    price: f64,
    tags: Vec<String>,
}

/// Nested in an order.
#[micro::message]
pub(crate) struct Address {
    street: String,
    city: String,
    country: String,
}

/// Packed numbers.
#[micro::message]
pub(crate) struct Numbers {
    small: Vec<u32>,
    large: Vec<u64>,
    doubles: Vec<f64>,
}

pub(crate) fn echo() -> Echo {
    Echo {
        data: vec![b'x'; 100],
    }
}

pub(crate) fn hello() -> Hello {
    Hello {
        name: "Ada Lovelace".to_owned(),
        loud: true,
    }
}

pub(crate) fn order() -> Order {
    let item = |n: u32| Item {
        sku: format!("sku-{n:05}"),
        count: n + 1,
        price: f64::from(n) * 1.5,
        tags: vec!["red".to_owned(), "large".to_owned()],
    };
    Order {
        id: 1 << 40,
        customer: "Ada Lovelace".to_owned(),
        paid: true,
        total: 1234.5,
        items: (0..20).map(item).collect(),
        labels: (0..5)
            .map(|n| (format!("key-{n}"), format!("value-{n}")))
            .collect(),
        note: Some("ring twice".to_owned()),
        address: Some(Address {
            street: "12 St James's Square".to_owned(),
            city: "London".to_owned(),
            country: "United Kingdom".to_owned(),
        }),
    }
}

pub(crate) fn numbers() -> Numbers {
    Numbers {
        small: (0..500).collect(),
        large: (0..200).map(|n| n << 33).collect(),
        doubles: (0..200).map(f64::from).collect(),
    }
}
