//! The same types with prost's derive.

use std::collections::BTreeMap;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Echo {
    #[prost(bytes = "vec", tag = "1")]
    data: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Hello {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bool, tag = "2")]
    loud: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Order {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    customer: String,
    #[prost(bool, tag = "3")]
    paid: bool,
    #[prost(double, tag = "4")]
    total: f64,
    #[prost(message, repeated, tag = "5")]
    items: Vec<Item>,
    #[prost(btree_map = "string, string", tag = "6")]
    labels: BTreeMap<String, String>,
    #[prost(string, optional, tag = "7")]
    note: Option<String>,
    #[prost(message, optional, tag = "8")]
    address: Option<Address>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Item {
    #[prost(string, tag = "1")]
    sku: String,
    #[prost(uint32, tag = "2")]
    count: u32,
    #[prost(double, tag = "3")]
    price: f64,
    #[prost(string, repeated, tag = "4")]
    tags: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Address {
    #[prost(string, tag = "1")]
    street: String,
    #[prost(string, tag = "2")]
    city: String,
    #[prost(string, tag = "3")]
    country: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Numbers {
    #[prost(uint32, repeated, tag = "1")]
    small: Vec<u32>,
    #[prost(uint64, repeated, tag = "2")]
    large: Vec<u64>,
    #[prost(double, repeated, tag = "3")]
    doubles: Vec<f64>,
}

fn read<P: prost::Message + Default>(ours: &impl micro::codec::Message) -> P {
    let mut bytes = Vec::new();
    ours.encode(&mut bytes);
    P::decode(&*bytes).expect("our bytes are protobuf")
}

pub(crate) fn echo() -> Echo {
    read(&super::ours::echo())
}

pub(crate) fn hello() -> Hello {
    read(&super::ours::hello())
}

pub(crate) fn order() -> Order {
    read(&super::ours::order())
}

pub(crate) fn numbers() -> Numbers {
    read(&super::ours::numbers())
}
