//! What is refused, and that the item comes back.

use quote::quote;

#[test]
fn a_union_comes_back_with_its_mistake() {
    let tokens = super::message(quote!(), quote!(union U { a: u8 })).to_string();
    assert!(tokens.starts_with("union U"), "{tokens}");
    assert!(tokens.contains("write an enum with data"), "{tokens}");
}
