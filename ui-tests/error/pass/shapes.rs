//! Every shape of variant, keys of the message, private and public enums, and enums in functions.

#![deny(warnings)]

use micro::prelude::*;

#[micro::message]
#[derive(Clone, Debug)]
pub struct Cart {
    id: u64,
}

/// Errors of a shop.
#[micro::error(package = "shop.v1", name = "Wrong", reserved(9))]
#[derive(Clone)]
pub enum CartError {
    /// Does not exist.
    #[micro(not_found, "no cart `{id}`", tag = 2)]
    NoCart { id: String, carts: Vec<Cart> },
    #[micro(resource_exhausted, "{0:?} of {1}, {{0}}")]
    #[micro(tag = 1)]
    Full(Cart, u32),
    #[cfg(any())]
    #[micro(internal, "{nothing}", tag = 8)]
    Never { nothing: Nowhere },
    #[deprecated]
    #[micro(aborted, "{}", tag = 3)]
    #[cfg(any())]
    Old,
    #[micro(unavailable, "closed", tag = 4)]
    Closed,
}

#[micro::error]
#[derive(PartialEq)]
enum Unit {
    #[micro(cancelled, "a")]
    A,
    #[micro(unknown, "b")]
    B {},
    #[micro(invalid_argument, "c")]
    C(),
    #[micro(data_loss, "{0}")]
    D(String),
}

fn is_an_error<E: std::error::Error + Send + Sync + 'static>() {}

fn main() {
    #[micro::error]
    enum Inner {
        #[micro(unauthenticated, "who are you")]
        Who,
        #[micro(other)]
        Rest(Error),
    }
    is_an_error::<CartError>();
    is_an_error::<Unit>();
    is_an_error::<Inner>();

    let full = CartError::Full(Cart { id: 1 }, 2);
    assert_eq!(full.to_string(), "Cart { id: 1 } of 2, {0}");
    let error = Error::from(full);
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert!(matches!(error.typed(), Some(CartError::Full(Cart { id: 1 }, 2))));
    let inner = Inner::from(error);
    assert_eq!(inner.to_string(), "Cart { id: 1 } of 2, {0}");
    assert!(matches!(inner, Inner::Rest(_)));
    assert!(matches!(Inner::from(Error::from(Inner::Who)), Inner::Who));
    for unit in [Unit::A, Unit::B {}, Unit::C(), Unit::D("d".into())] {
        let text = unit.to_string();
        let back = Error::from(unit).downcast::<Unit>().unwrap();
        assert_eq!(back.to_string(), text);
    }
    let id = "x".to_owned();
    let _ = (CartError::NoCart { id, carts: Vec::new() }, CartError::Closed);
}
