use micro::prelude::*;

#[micro::every]
async fn sweep() {}

fn main() {}
