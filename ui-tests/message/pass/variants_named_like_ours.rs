//! Variants with the names of generated types and type parameters.

/// Variants named like the parameters of generated functions.
#[micro::message]
#[derive(Debug, PartialEq)]
enum Letters {
    A { w: u32, x: u32 },
    D { w: u32 },
    M { w: u32 },
    S { w: u32 },
    micro { w: u32 },
}

/// Variants named like the types generated for another variant.
#[micro::message]
#[derive(Debug, PartialEq)]
enum Neighbours {
    Foo { w: u32 },
    FooView { x: u32 },
    FooFields { y: u32 },
    FooViewFields { z: u32 },
}

fn travels<T: micro::codec::Message + PartialEq + std::fmt::Debug>(value: &T) {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    assert_eq!(&T::decode(&bytes.into(), 1 << 16).unwrap(), value);
    let mut json = Vec::new();
    value.encode_json(&mut json).unwrap();
    assert_eq!(&T::decode_json(&json, 1 << 16).unwrap(), value);
}

fn main() {
    travels(&Letters::A { w: 1, x: 2 });
    travels(&Letters::D { w: 3 });
    travels(&Letters::M { w: 4 });
    travels(&Letters::S { w: 5 });
    travels(&Letters::micro { w: 6 });
    travels(&Neighbours::Foo { w: 1 });
    travels(&Neighbours::FooView { x: 2 });
    travels(&Neighbours::FooFields { y: 3 });
    travels(&Neighbours::FooViewFields { z: 4 });
}
