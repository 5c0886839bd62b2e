#[micro::service]
struct Greeter<'a> {
    word: &'a str,
}

fn main() {}
