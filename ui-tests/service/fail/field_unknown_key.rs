#[micro::service]
struct Greeter {
    #[micro(defualt)]
    count: u64,
}

fn main() {}
