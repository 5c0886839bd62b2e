//! The four kinds of call in the three forms of a method: in a service block, in a contract, as a
//! free function. The response streams borrow from their service.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{self, Poll};

use micro::prelude::*;

#[micro::message(package = "streams")]
#[derive(Debug, PartialEq)]
pub(super) struct Number {
    pub(super) value: u32,
}

pub(super) fn number(value: u32) -> Number {
    Number { value }
}

/// Adds a borrowed value to every number of a stream.
pub(super) struct Added<'a, S> {
    to: &'a u32,
    numbers: S,
}

impl<S: Stream<Item = Result<Number>> + Unpin> Stream for Added<'_, S> {
    type Item = Result<Number>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        let base = *self.to;
        let next = Pin::new(&mut self.numbers).poll_next(cx);
        next.map(|next| next.map(|next| next.map(|next| number(next.value + base))))
    }
}

/// Counts from one. Ends with an error if `fail` is set.
fn count(to: u32, fail: bool) -> Streaming<Number> {
    Streaming::make(move |out| async move {
        for value in 1..=to {
            out.send(number(value)).await?;
        }
        if fail {
            return Err(Error::data_loss("that is all"));
        }
        Ok(())
    })
}

async fn total(mut input: Streaming<Number>) -> Result<u32> {
    let mut sum = 0;
    while let Some(next) = input.next().await {
        sum += next?.value;
    }
    Ok(sum)
}

#[micro::service(name = "streams-block")]
pub(super) struct Block {
    #[micro(value = 10)]
    base: u32,
    /// Number of open streams of `endless`.
    #[micro(default)]
    open: AtomicU32,
    /// Number of values that `endless` has produced.
    #[micro(default)]
    made: AtomicU32,
}

/// Counts as an open stream until it is dropped.
struct Open<'a>(&'a AtomicU32);

impl<'a> Open<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[micro::service]
impl Block {
    #[micro::rpc]
    pub(super) async fn one(&self, request: Number) -> Result<Number> {
        Ok(number(request.value + self.base))
    }

    /// Counts, and fails beyond three.
    #[micro::rpc]
    pub(super) async fn many(&self, request: Number) -> Result<impl Stream<Item = Result<Number>>> {
        if request.value == 0 {
            return Err(Error::invalid_argument("nothing to count"));
        }
        let numbers = count(request.value.min(3), request.value > 3);
        Ok(Added {
            to: &self.base,
            numbers,
        })
    }

    #[micro::rpc]
    pub(super) async fn sum(&self, _context: Context, input: Streaming<Number>) -> Result<Number> {
        Ok(number(total(input).await? + self.base))
    }

    #[micro::rpc]
    pub(super) async fn each(
        &self,
        me: &Self,
        input: Streaming<Number>,
    ) -> Result<impl Stream<Item = Result<Number>> + Send> {
        let _ = self;
        Ok(Added {
            to: &me.base,
            numbers: input,
        })
    }

    /// No `Result`, no request.
    #[micro::rpc]
    pub(super) async fn bare(&self, _context: Context) -> impl Stream<Item = Result<Number>> {
        count(2, false)
    }

    /// Runs within the stream, and borrows.
    #[micro::rpc]
    pub(super) async fn endless(&self) -> Result<impl Stream<Item = Result<Number>>> {
        Ok(stream(move |out| async move {
            let _open = Open::new(&self.open);
            for value in 1.. {
                self.made.store(value, SeqCst);
                out.send(number(value)).await?;
            }
            Ok(())
        }))
    }

    #[micro::rpc]
    pub(super) async fn open(&self) -> Result<Number> {
        Ok(number(self.open.load(SeqCst)))
    }

    #[micro::rpc]
    pub(super) async fn made(&self) -> Result<Number> {
        Ok(number(self.made.load(SeqCst)))
    }

    /// A type of its own.
    #[micro::rpc]
    pub(super) async fn typed(&self, request: Number) -> Result<Streaming<Number>> {
        Ok(count(request.value, false))
    }

    /// Panics behind the last number; all of them are ready at once.
    #[micro::rpc]
    pub(super) async fn breaking(&self, request: Number) -> impl Stream<Item = Number> {
        Breaking::new(request.value)
    }

    #[micro::rpc]
    pub(super) async fn breaking_typed(&self, request: Number) -> Result<Streaming<Number>> {
        Ok(Streaming::new(Breaking::new(request.value)))
    }
}

/// Counts to a number, then panics.
pub(super) struct Breaking(std::ops::RangeInclusive<u32>);

impl Breaking {
    pub(super) fn new(last: u32) -> Self {
        Self(1..=last)
    }
}

impl Stream for Breaking {
    type Item = Number;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<Number>> {
        let next = self.0.next().expect("secret");
        Poll::Ready(Some(number(next)))
    }
}

#[micro::service(name = "streams-contract", package = "streams.v1")]
pub(super) trait Contract {
    #[micro::rpc]
    async fn one(&self, request: Number) -> Result<Number>;

    #[micro::rpc]
    async fn many(&self, request: Number) -> Result<impl Stream<Item = Result<Number>>>;

    #[micro::rpc]
    async fn sum(&self, input: Streaming<Number>) -> Result<Number>;

    #[micro::rpc]
    async fn each(&self, input: Streaming<Number>) -> Result<Streaming<Number>>;
}

#[micro::service]
pub(super) struct Implemented {
    #[micro(value = 20)]
    base: u32,
}

#[micro::service]
impl Contract for Implemented {
    async fn one(&self, request: Number) -> Result<Number> {
        Ok(number(request.value + self.base))
    }

    async fn many(&self, request: Number) -> Result<impl Stream<Item = Result<Number>>> {
        let numbers = count(request.value.min(3), request.value > 3);
        Ok(Added {
            to: &self.base,
            numbers,
        })
    }

    async fn sum(&self, input: Streaming<Number>) -> Result<Number> {
        Ok(number(total(input).await? + self.base))
    }

    async fn each(&self, input: Streaming<Number>) -> Result<Streaming<Number>> {
        Ok(input)
    }
}

#[micro::service(name = "streams-free")]
pub(super) struct Free {
    #[micro(value = 30)]
    base: u32,
}

#[micro::rpc(service = Free)]
pub(super) async fn one(free: &Free, request: Number) -> Result<Number> {
    Ok(number(request.value + free.base))
}

#[micro::rpc(service = Free)]
pub(super) async fn many(
    free: &Free,
    request: Number,
) -> Result<impl Stream<Item = Result<Number>>> {
    let numbers = count(request.value.min(3), request.value > 3);
    Ok(Added {
        to: &free.base,
        numbers,
    })
}

#[micro::rpc(service = Free)]
pub(super) async fn sum(free: &Free, input: Streaming<Number>) -> Result<Number> {
    Ok(number(total(input).await? + free.base))
}

#[micro::rpc(service = Free)]
pub(super) async fn each(
    free: &Free,
    input: Streaming<Number>,
) -> Result<Pin<Box<dyn Stream<Item = Result<Number>> + Send + '_>>> {
    Ok(Box::pin(Added {
        to: &free.base,
        numbers: input,
    }))
}
