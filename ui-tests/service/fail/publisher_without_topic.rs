//! Publisher of a message without topic.

use micro::prelude::*;

#[micro::message]
struct Made {
    id: u64,
}

#[micro::service]
struct Orders {
    made: Publisher<Made>,
}

fn main() {}
