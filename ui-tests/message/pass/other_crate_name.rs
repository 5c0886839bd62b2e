//! `crate = path` names the crate micro when it is renamed.
#![deny(warnings)]

use micro as framework;

mod reexports {
    pub use micro as inner;
}

#[framework::message(crate = crate::reexports::inner, package = "", name = "Renamed")]
struct Order {
    id: String,
}

fn main() {
    assert_eq!(<Order as framework::codec::Message>::name(), "Renamed");
    let _ = Order { id: String::new() }.id;
}
