#[micro::service(metadata(replicas = 3))]
struct Greeter;

fn main() {}
