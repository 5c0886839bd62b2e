//! Tests with services, parameters, results and other attributes are not compiled outside of tests.

#![deny(warnings)]

mod tests {
    #![allow(unused_imports)]
    use micro::prelude::*;

    #[micro::test]
    async fn nothing() {}

    #[micro::test(linked)]
    #[ignore = "shows that attributes stay"]
    async fn fails() -> Result<()> {
        Err(Error::internal("no"))
    }
}

fn main() {}
