//! Protobuf bytes, without another implementation.

use bytes::Bytes;
use micro::codec::Message;
use micro::{Error, ErrorKind};

use super::model::{self, Item, Level, Shape, Torture, Tree};

const MEMORY: usize = 1 << 20;

fn bytes<M: Message>(message: &M) -> Bytes {
    let mut out = Vec::new();
    message.encode(&mut out);
    out.into()
}

fn read<M: Message>(bytes: &[u8]) -> Result<M, Error> {
    M::decode(&Bytes::copy_from_slice(bytes), MEMORY)
}

#[test]
fn every_kind_of_field_comes_back() {
    for message in [model::full(), model::sparse()] {
        assert_eq!(Torture::decode(&bytes(&message), MEMORY).unwrap(), message);
    }
}

#[test]
fn bytes_share_the_input() {
    let input = bytes(&model::full());
    let message = Torture::decode(&input, MEMORY).unwrap();
    let range = input.as_ptr_range();
    assert!(range.contains(&message.shared.as_ptr()));
}

#[test]
fn a_missing_choice_is_named() {
    let error = Torture::decode(&Bytes::new(), MEMORY).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(
        error.message(),
        "cannot read field `shape` of `torture.Torture`: \
        none of the known variants is set"
    );
}

#[test]
fn a_fault_names_its_place() {
    let message = Tree {
        children: vec![
            Tree::default(),
            Tree {
                value: 300,
                ..Tree::default()
            },
        ],
        ..Tree::default()
    };
    let mut input = bytes(&message).to_vec();
    let last = input.len() - 1;
    input[last] = 0x80;
    let error = read::<Tree>(&input).unwrap_err();
    assert_eq!(
        error.message(),
        "cannot read field `children[1].value` of `torture.Tree`: the bytes end too early"
    );
    let error = read::<Item>(&[0x0a, 1, 0xff]).unwrap_err();
    assert_eq!(
        error.message(),
        "cannot read field `name` of `torture.Item`: invalid UTF-8"
    );
}

#[test]
fn the_last_scalar_wins_and_messages_merge() {
    assert_eq!(read::<Item>(&[0x10, 1, 0x10, 2]).unwrap().count, 2);
    // left { value: 1 } left { children: {} }
    let tree = read::<Tree>(&[0x12, 2, 0x08, 1, 0x12, 2, 0x1a, 0]).unwrap();
    let left = tree.left.unwrap();
    assert_eq!((left.value, left.children.len()), (1, 1));
}

#[test]
fn the_last_variant_wins() {
    let circle = bytes(&Shape::Circle(1.0));
    let named = bytes(&Shape::Named(Item {
        name: "n".to_owned(),
        count: 0,
    }));
    let more = bytes(&Shape::Named(Item {
        name: String::new(),
        count: 2,
    }));
    let all = [circle.clone(), named.clone(), more].concat();
    assert_eq!(
        read::<Shape>(&all).unwrap(),
        Shape::Named(Item {
            name: "n".to_owned(),
            count: 2
        })
    );
    assert_eq!(
        read::<Shape>(&[named, circle].concat()).unwrap(),
        Shape::Circle(1.0)
    );
}

#[test]
fn packed_and_unpacked_lists_are_read() {
    #[micro::message]
    #[derive(Debug, PartialEq)]
    struct Lists {
        numbers: Vec<i32>,
        levels: Vec<Level>,
    }
    let mixed = [0x08, 1, 0x0a, 2, 2, 3, 0x10, 1, 0x12, 2, 2, 9];
    let lists = read::<Lists>(&mixed).unwrap();
    assert_eq!(lists.numbers, [1, 2, 3]);
    assert_eq!(lists.levels, [Level::Low, Level::High, Level::Other(9)]);
}

#[test]
fn nesting_is_bounded() {
    let mut tree = Tree::default();
    for _ in 0..100 {
        tree = Tree {
            left: Some(Box::new(tree)),
            ..Tree::default()
        };
    }
    assert_eq!(Tree::decode(&bytes(&tree), MEMORY).unwrap(), tree);
    let deeper = Tree {
        left: Some(Box::new(tree)),
        ..Tree::default()
    };
    let error = Tree::decode(&bytes(&deeper), MEMORY).unwrap_err();
    assert!(error.message().ends_with("nested too deeply"), "{error}");
}

/// Many fields make for large frames on the stack, most of all without optimisation.
#[micro::message]
#[derive(Debug, Default, PartialEq)]
struct Wide {
    inner: Option<Box<Wide>>,
    a: Texts,
    b: Texts,
    c: Texts,
    d: Texts,
    lists: Vec<Wide>,
    by_name: std::collections::HashMap<String, Wide>,
}

#[micro::message]
#[derive(Debug, Default, PartialEq)]
struct Texts {
    a: String,
    b: String,
    c: String,
    d: String,
    e: String,
    f: String,
    g: Vec<String>,
    h: Vec<u64>,
    i: Option<String>,
    j: Option<String>,
}

fn wide(levels: usize) -> Wide {
    (0..levels).fold(Wide::default(), |inner, _| Wide {
        by_name: [("key".to_owned(), inner)].into(),
        ..Wide::default()
    })
}

#[test]
fn the_deepest_wide_message_fits_a_small_stack() {
    let input = bytes(&wide(10));
    let deeper = bytes(&wide(200));
    let mut json = Vec::new();
    wide(10).encode_json(&mut json).unwrap();
    let deeper_json = [r#"{"inner":"#.repeat(120), "{}".to_owned(), "}".repeat(120)].concat();
    let deepest = std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || {
            assert_eq!(Wide::decode(&input, MEMORY).unwrap(), wide(10));
            assert_eq!(Wide::decode_json(&json, MEMORY).unwrap(), wide(10));
            for error in [
                Wide::decode(&deeper, 64 * MEMORY).unwrap_err(),
                Wide::decode_json(deeper_json.as_bytes(), 64 * MEMORY).unwrap_err(),
            ] {
                assert!(error.message().contains("nested too deeply"), "{error}");
            }
        });
    deepest.unwrap().join().unwrap();
}

#[test]
fn memory_is_bounded() {
    let input: Bytes = [0x1a, 0].repeat(10_000).into();
    // The list of 16,384 items, and of 8,192 while it grows for the last time.
    let needed = (16_384 + 8_192) * size_of::<Tree>();
    assert_eq!(Tree::decode(&input, needed).unwrap().children.len(), 10_000);
    let error = Tree::decode(&input, needed - 1).unwrap_err();
    assert!(
        error.message().ends_with("more memory than allowed"),
        "{error}"
    );
}

#[test]
fn a_message_that_must_hold_itself_ends_at_the_bound() {
    #[micro::message]
    struct Endless {
        next: Box<Endless>,
    }
    assert!(read::<Endless>(&[]).is_err());
    assert!(Endless::decode_json(b"{}", MEMORY).is_err());
}

/// As documented in the README: 100 levels, unless the stack ends first. That may happen after 60
/// levels of JSON that nests by lists without optimization.
#[test]
fn ordinary_messages_nest_as_deep_as_is_promised() {
    let nested = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        let deep = |levels: usize, wrap: fn(Tree) -> Tree| {
            (0..levels).fold(Tree::default(), |inner, _| wrap(inner))
        };
        let left = |inner| Tree {
            left: Some(Box::new(inner)),
            ..Tree::default()
        };
        let child = |inner| Tree {
            children: vec![inner],
            ..Tree::default()
        };
        let in_lists = if cfg!(debug_assertions) { 60 } else { 99 };
        let repeat = |before: &str, after: &str, levels: usize| {
            [&before.repeat(levels), "{}", &after.repeat(levels)].concat()
        };
        for (json, tree) in [
            (repeat(r#"{"left":"#, "}", 99), deep(99, left)),
            (
                repeat(r#"{"children":["#, "]}", in_lists),
                deep(in_lists, child),
            ),
        ] {
            let read = Tree::decode_json(json.as_bytes(), 64 * MEMORY).unwrap();
            assert!(read == tree);
        }
        for tree in [deep(100, left), deep(100, child)] {
            let read = Tree::decode(&bytes(&tree), 64 * MEMORY).unwrap();
            assert!(read == tree);
        }
    });
    nested.unwrap().join().unwrap();
}
