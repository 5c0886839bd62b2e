//! One message with every kind of field, and values of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

/// Everything a field can be.
#[micro::message(package = "torture")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Torture {
    /// Text.
    pub(crate) text: String,
    pub(crate) small: i8,
    pub(crate) medium: i16,
    pub(crate) int: i32,
    pub(crate) long: i64,
    pub(crate) size: isize,
    pub(crate) byte: u8,
    pub(crate) word: u16,
    pub(crate) uint: u32,
    pub(crate) ulong: u64,
    pub(crate) usize_value: usize,
    pub(crate) float: f32,
    pub(crate) double: f64,
    pub(crate) flag: bool,
    pub(crate) raw: Vec<u8>,
    pub(crate) shared: Bytes,
    pub(crate) label: Arc<str>,
    pub(crate) numbers: Vec<i32>,
    pub(crate) doubles: Vec<f64>,
    pub(crate) flags: Vec<bool>,
    pub(crate) texts: Vec<String>,
    pub(crate) blobs: Vec<Vec<u8>>,
    pub(crate) items: Vec<Item>,
    pub(crate) maybe_int: Option<i32>,
    pub(crate) maybe_text: Option<String>,
    pub(crate) maybe_item: Option<Item>,
    pub(crate) maybe_raw: Option<Vec<u8>>,
    pub(crate) item: Item,
    pub(crate) by_name: BTreeMap<String, Item>,
    pub(crate) by_number: HashMap<u32, u64>,
    pub(crate) by_flag: BTreeMap<bool, f32>,
    pub(crate) status: Status,
    pub(crate) statuses: Vec<Status>,
    pub(crate) maybe_status: Option<Status>,
    #[micro(default)]
    pub(crate) level: Level,
    pub(crate) shape: Shape,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) maybe_shape: Option<Shape>,
    pub(crate) tree: Option<Box<Tree>>,
    pub(crate) timeout: Duration,
    pub(crate) maybe_timeout: Option<Duration>,
    pub(crate) at: SystemTime,
    pub(crate) nothing: (),
    pub(crate) marker: Marker,
    pub(crate) page: Page<Item>,
    pub(crate) numbers_page: Page<i64>,
    pub(crate) id: Id,
    pub(crate) pair: Pair,
    pub(crate) r#type: String,
    pub(crate) boxed: Box<Item>,
    pub(crate) arc: Arc<Item>,
}

#[micro::message(package = "torture")]
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) count: u32,
}

#[micro::message(package = "torture")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Status {
    #[default]
    Unknown,
    Active,
    GoneAway = 5,
    Below = -1,
}

/// Has no zero, and a default that is not the first.
#[micro::message(package = "torture")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Level {
    Low = 1,
    #[default]
    High = 2,
    #[micro(other)]
    Other(i32),
}

#[micro::message(package = "torture")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Circle(f64),
    Named(Item),
    Rect { width: f64, height: f64 },
    Move(i32, i32),
    Nothing,
}

#[micro::message(package = "torture")]
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Tree {
    pub(crate) value: i64,
    pub(crate) left: Option<Box<Tree>>,
    pub(crate) children: Vec<Tree>,
}

#[micro::message(package = "torture")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Marker;

#[micro::message(package = "torture")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

#[micro::message(package = "torture")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Id(pub(crate) String);

#[micro::message(package = "torture")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair(pub(crate) i32, pub(crate) String);

/// Nothing is at its absent value.
pub(crate) fn full() -> Torture {
    let item = |name: &str, count| Item {
        name: name.to_owned(),
        count,
    };
    Torture {
        text: "grüß".to_owned(),
        small: -7,
        medium: -300,
        int: i32::MIN,
        long: i64::MIN,
        size: -1,
        byte: 255,
        word: 65_535,
        uint: u32::MAX,
        ulong: u64::MAX,
        usize_value: 9_007_199_254_740_993,
        float: 1.5,
        double: -0.1,
        flag: true,
        raw: vec![0, 255, 62, 63],
        shared: Bytes::from_static(b"shared"),
        label: "label".into(),
        numbers: vec![0, 1, -1, 300],
        doubles: vec![0.0, 2.25, f64::MAX],
        flags: vec![true, false],
        texts: vec![String::new(), "b".to_owned()],
        blobs: vec![vec![], vec![1, 2]],
        items: vec![item("a", 0), item("", 200), item(&"x".repeat(300), 1)],
        maybe_int: Some(0),
        maybe_text: Some(String::new()),
        maybe_item: Some(Item::default()),
        maybe_raw: Some(vec![]),
        item: item("in", 3),
        by_name: [
            ("k".to_owned(), item("v", 1)),
            (String::new(), Item::default()),
        ]
        .into(),
        by_number: [(0, 0), (7, u64::MAX)].into(),
        by_flag: [(false, 0.5), (true, 0.0)].into(),
        status: Status::GoneAway,
        statuses: vec![Status::Unknown, Status::Below, Status::Active],
        maybe_status: Some(Status::Unknown),
        level: Level::Low,
        shape: Shape::Rect {
            width: 1.5,
            height: 0.0,
        },
        shapes: vec![
            Shape::Circle(2.0),
            Shape::Named(item("n", 9)),
            Shape::Move(-1, 0),
            Shape::Nothing,
        ],
        maybe_shape: Some(Shape::Circle(0.0)),
        tree: Some(Box::new(Tree {
            value: 1,
            left: Some(Box::default()),
            children: vec![Tree {
                value: -2,
                ..Tree::default()
            }],
        })),
        timeout: Duration::from_millis(1_500),
        maybe_timeout: Some(Duration::ZERO),
        at: SystemTime::UNIX_EPOCH - Duration::from_nanos(1),
        nothing: (),
        marker: Marker,
        page: Page {
            items: vec![item("p", 1)],
            next: Some("more".to_owned()),
        },
        numbers_page: Page {
            items: vec![1, -1],
            next: None,
        },
        id: Id("id".to_owned()),
        pair: Pair(4, "four".to_owned()),
        r#type: "raw".to_owned(),
        boxed: Box::new(item("boxed", 1)),
        arc: Arc::new(item("arc", 2)),
    }
}

/// Everything that may be at its absent value is.
pub(crate) fn sparse() -> Torture {
    let bytes = Bytes::from_static(&[0xa2, 0x02, 0x09, 0x09, 0, 0, 0, 0, 0, 0, 0, 0]);
    micro::codec::Message::decode(&bytes, 1_000).unwrap()
}
