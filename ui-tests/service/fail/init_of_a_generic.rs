use micro::prelude::*;

#[micro::service(init = make)]
struct Orders<T> {
    store: T,
}

async fn make<T>() -> Result<Orders<T>> {
    Err(Error::internal("no"))
}

fn main() {}
