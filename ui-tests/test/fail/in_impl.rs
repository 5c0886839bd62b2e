struct Greeter;

impl Greeter {
    #[micro::test]
    async fn greets(&self) {}
}

fn main() {}
