//! Variants with the names of generated types and type parameters.

#[micro::error]
enum Letters {
    #[micro(not_found, "no {w}")]
    A { w: u32 },
    #[micro(internal, "no {w}")]
    D { w: u32 },
    #[micro(internal, "no {w}")]
    M { w: u32 },
    #[micro(internal, "no {w}")]
    S { w: u32 },
}

#[micro::error]
enum Neighbours {
    #[micro(not_found, "no {w}")]
    Foo { w: u32 },
    #[micro(not_found, "no {x}")]
    FooView { x: u32 },
}

fn main() {
    let error = micro::Error::from(Letters::A { w: 1 });
    assert!(matches!(error.downcast(), Ok(Letters::A { w: 1 })));
    for error in [Letters::D { w: 2 }, Letters::M { w: 2 }, Letters::S { w: 2 }] {
        assert_eq!(error.to_string(), "no 2");
    }
    for error in [Neighbours::Foo { w: 3 }, Neighbours::FooView { x: 3 }] {
        assert_eq!(micro::Error::from(error).message(), "no 3");
    }
}
