#[micro::service]
struct Greeter {
    #[micro(default, value = 3)]
    count: u64,
}

fn main() {}
