#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    async fn hello(&self) {}
}

fn main() {}
