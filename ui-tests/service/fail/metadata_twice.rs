#[micro::service(metadata(zone = "a", zone = "b"))]
struct Greeter;

fn main() {}
