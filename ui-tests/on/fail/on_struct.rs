#[micro::on(start)]
struct Begin;

fn main() {}
