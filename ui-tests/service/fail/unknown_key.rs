#[micro::service(pakage = "shop.v1")]
struct Greeter;

fn main() {}
