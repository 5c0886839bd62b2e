#[micro::service(nmae = "x", package = "a b")]
struct Greeter {
    #[micro(defualt)]
    count: u64,
}

fn main() {}
