//! `cfg` removes a field or variant completely and does not change the numbers of the others.
#![deny(warnings)]
#![allow(unexpected_cfgs)]

use micro::codec::Message;
use micro::schema::Types;

#[micro::message(package = "p")]
struct Order {
    id: String,
    #[cfg(never)]
    gone: NoSuchType,
    #[deprecated]
    amount: u32,
    /// About the note.
    note: Option<String>,
}

#[micro::message(package = "p")]
enum Kind {
    One(u32),
    #[cfg(never)]
    Gone(NoSuchType),
    #[cfg(never)]
    Away { a: NoSuchType },
    Many { count: u32, #[cfg(never)] gone: NoSuchType },
}

#[micro::message(package = "p")]
enum Level {
    Low,
    #[cfg(never)]
    Middle,
    High,
}

fn main() {
    let mut types = Types::default();
    Order::describe(&mut types);
    Kind::describe(&mut types);
    let tags = |name: &str| -> Vec<u32> {
        types.messages()[name].fields.iter().map(|field| field.tag).collect()
    };
    assert_eq!(tags("p.Order"), [1, 3, 4]);
    assert!(types.messages()["p.Order"].fields[1].deprecated);
    assert_eq!(types.messages()["p.Order"].fields[2].doc, "About the note.");
    assert_eq!(tags("p.Kind"), [1, 4]);
    let _ = (Level::Low, Level::High, Kind::One(1), Kind::Many { count: 1 });
}
