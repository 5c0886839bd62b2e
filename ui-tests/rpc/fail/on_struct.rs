#[micro::rpc]
struct Hello;

fn main() {}
