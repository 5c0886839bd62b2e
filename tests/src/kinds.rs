//! The contract for tests with programs in other languages, as callers and as servers: one method
//! of each kind of call, and one that fails.

use micro::prelude::*;

/// A number with a note.
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
    /// Returns twice the number. The metadata `x-echo` is returned before the response, and
    /// `x-after: double` after it.
    #[micro::rpc(idempotent)]
    async fn double(&self, context: Context, number: Number) -> Result<Number>;

    /// Counts from 1 to the number, or without end if it is negative.
    #[micro::rpc]
    async fn count(&self, number: Number) -> Result<Streaming<Number>>;

    /// Returns the sum of all numbers, with their count as the note.
    #[micro::rpc]
    async fn sum(&self, numbers: Streaming<Number>) -> Result<Number>;

    /// Returns the sum so far after each number. A negative number is out of range. `x-after: sums`
    /// follows.
    #[micro::rpc]
    async fn sums(&self, context: Context, numbers: Streaming<Number>)
    -> Result<Streaming<Number>>;

    /// Fails with the gRPC code of this number, and the request as a detail.
    #[micro::rpc]
    async fn fail(&self, number: Number) -> Result<Number>;

    /// Returns the number of endless counts that callers have cancelled.
    #[micro::rpc]
    async fn given_up(&self, number: Number) -> Result<Number>;
}
