#[micro::service]
enum Greeter {
    Loud,
}

fn main() {}
