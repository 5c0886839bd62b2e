#[micro::service]
struct Greeter {
    #[micro(default)]
    count: std::cell::Cell<u64>,
}

fn main() {}
