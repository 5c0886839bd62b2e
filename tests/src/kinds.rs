//! The contract with which programs of other languages are tried, both as callers and as servers:
//! one method of each kind of call, one that fails.

use micro::prelude::*;

/// A number and what came with it.
#[micro::message(package = "kinds")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Number {
    /// The number.
    pub value: i64,
    /// Any text.
    pub note: String,
}

impl Number {
    /// A number without a note.
    pub fn new(value: i64) -> Self {
        let note = String::new();
        Self { value, note }
    }
}

/// One method of each kind.
#[micro::service(package = "kinds")]
pub trait Kinds {
    /// Twice the number. The metadata `x-echo` comes back before the reply, `x-after: double`
    /// after it.
    #[micro::rpc(idempotent)]
    async fn double(&self, context: Context, number: Number) -> Result<Number>;

    /// From 1 to the number; without end when it is negative.
    #[micro::rpc]
    async fn count(&self, number: Number) -> Result<Streaming<Number>>;

    /// The sum of all numbers, and how many they were as the note.
    #[micro::rpc]
    async fn sum(&self, numbers: Streaming<Number>) -> Result<Number>;

    /// The sum so far, after each number; a negative number is out of range. `x-after: sums`
    /// follows.
    #[micro::rpc]
    async fn sums(&self, context: Context, numbers: Streaming<Number>)
    -> Result<Streaming<Number>>;

    /// Fails with the gRPC code that the number is, and the request as a detail.
    #[micro::rpc]
    async fn fail(&self, number: Number) -> Result<Number>;

    /// How many endless counts were given up by their callers.
    #[micro::rpc]
    async fn given_up(&self, number: Number) -> Result<Number>;
}
