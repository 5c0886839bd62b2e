//! Enum is not a request.

#[micro::message]
enum Status {
    Open,
    Closed,
}

fn send<M: micro::codec::Message>(_: M) {}

fn order() {
    send(Status::Open);
    send(3_u32);
}

fn main() {}
