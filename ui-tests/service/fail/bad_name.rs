#[micro::service(name = "The Greeter")]
struct Greeter;

fn main() {}
