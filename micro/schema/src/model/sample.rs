//! A small schema with one of everything, for the tests of the modules that use schemas.

use crate::model::{
    Enum, Field, File, Http, Kind, Label, Message, Method, Schema, Service, Value, json_name,
};

/// A field with default properties.
pub(crate) fn field(tag: i32, name: &str, label: Label, kind: Kind) -> Field {
    Field {
        tag,
        name: name.to_owned(),
        json_name: json_name(name),
        kind,
        label,
        unpacked: false,
        oneof: None,
        required: false,
        doc: String::new(),
        deprecated: false,
    }
}

fn item() -> Message {
    let message = |name: &str| Kind::Message(name.to_owned());
    let one = |tag, name, kind| field(tag, name, Label::Single, kind);
    let paid = |field: Field| Field {
        oneof: Some("payment".to_owned()),
        ..field
    };
    Message {
        name: "Item".to_owned(),
        doc: "A thing to buy.\n\nIt may hold <script> and */ and \"quotes\".".to_owned(),
        fields: vec![
            Field {
                doc: "What it is.".to_owned(),
                ..one(1, "sku", Kind::String)
            },
            field(2, "count", Label::Optional, Kind::Uint32),
            Field {
                json_name: "perShop".to_owned(),
                ..field(3, "prices", Label::Map(Kind::String), Kind::Int64)
            },
            paid(one(4, "card", Kind::String)),
            paid(one(5, "cash", message("shop.Item.Cash"))),
            one(6, "colour", Kind::Enum("shop.Colour".to_owned())),
            field(7, "parts", Label::Repeated, message("shop.Item")),
            Field {
                deprecated: true,
                ..one(8, "made_at", message("google.protobuf.Timestamp"))
            },
            one(10, "raw", Kind::Bytes),
            one(11, "weight", Kind::Double),
            one(12, "level", Kind::Enum("shop.Item.Level".to_owned())),
            Field {
                unpacked: true,
                ..field(13, "sizes", Label::Repeated, Kind::Sint32)
            },
        ],
        reserved: vec![(9, 9), (20, 29)],
        reserved_names: vec!["size".to_owned()],
        messages: vec![Message {
            name: "Cash".to_owned(),
            fields: vec![one(1, "coins", Kind::Sint32)],
            ..Message::default()
        }],
        enums: vec![Enum {
            name: "Level".to_owned(),
            values: vec![value(0, "LOW"), value(1, "HIGH")],
            ..Enum::default()
        }],
        ..Message::default()
    }
}

fn value(number: i32, name: &str) -> Value {
    Value {
        name: name.to_owned(),
        number,
        ..Value::default()
    }
}

fn cart() -> Service {
    let http = Http {
        body: "*".to_owned(),
        ..Http::new("POST", "/v1/items")
    };
    let get = Method {
        idempotent: true,
        http: vec![Http::new("GET", "/v1/items/{sku}"), http],
        doc: "Gets <b>it</b>.\n\nAnd says more.".to_owned(),
        ..Method::new("Get", "shop.Item", "google.protobuf.Empty")
    };
    let watch = Method {
        streams_responses: true,
        ..Method::new("Watch", "google.protobuf.Empty", "shop.Item")
    };
    Service {
        name: "Cart".to_owned(),
        doc: "Carts.".to_owned(),
        methods: vec![get, watch],
        ..Service::default()
    }
}

/// A schema with one of everything.
pub(crate) fn sample() -> Schema {
    let colour = Enum {
        name: "Colour".to_owned(),
        values: vec![
            value(0, "COLOUR_UNSPECIFIED"),
            Value {
                deprecated: true,
                ..value(1, "COLOUR_RED")
            },
        ],
        reserved: vec![(2, 3)],
        ..Enum::default()
    };
    let file = File {
        name: "shop.proto".to_owned(),
        package: "shop".to_owned(),
        messages: vec![item()],
        enums: vec![colour],
        services: vec![cart()],
        ..File::default()
    };
    Schema { files: vec![file] }
}
