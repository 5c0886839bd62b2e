#[micro::service]
struct Greeter;

#[micro::service]
impl std::fmt::Display for Greeter {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

fn main() {}
