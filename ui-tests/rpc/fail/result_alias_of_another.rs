#[micro::message]
struct Hello {
    name: String,
}

type Answer = Option<Hello>;

#[micro::service]
struct Greeter;

#[micro::service]
impl Greeter {
    #[micro::rpc]
    async fn hello(&self, request: Hello) -> Answer {
        Ok(request)
    }
}

fn main() {}
