//! Path variables and HTTP methods in the syntax of other frameworks.

use micro::prelude::*;

#[micro::message]
struct Get {
    id: String,
    rest: String,
}

#[micro::service]
struct Users;

#[micro::service]
impl Users {
    #[micro::rpc(http = "GET /v1/users/:id")]
    async fn a(&self, request: Get) -> Result<Get> {
        Ok(request)
    }

    #[micro::rpc(http = "GET /v1/users/<id>")]
    async fn b(&self, request: Get) -> Result<Get> {
        Ok(request)
    }

    #[micro::rpc(http = "get /v1/users/*rest")]
    async fn c(&self, request: Get) -> Result<Get> {
        Ok(request)
    }
}

fn main() {}
