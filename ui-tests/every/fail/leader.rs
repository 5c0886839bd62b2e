use micro::prelude::*;

#[micro::every("30s", leader)]
async fn sweep() {}

fn main() {}
