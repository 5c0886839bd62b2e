#[micro::service(package = "shop/v1")]
struct Greeter;

fn main() {}
