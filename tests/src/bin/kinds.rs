//! Serves one method of each kind of call, for programs in other languages.

use std::sync::atomic::{AtomicI64, Ordering};

use micro::codec::Message;
use micro::error::Detail;
use micro::prelude::*;
use micro_tests::{Kinds, Number};

/// The contract in Rust.
#[micro::service]
struct Counter;

static GIVEN_UP: AtomicI64 = AtomicI64::new(0);

/// Counts an endless stream as cancelled when it is dropped.
struct Endless;

impl Drop for Endless {
    fn drop(&mut self) {
        GIVEN_UP.fetch_add(1, Ordering::SeqCst);
    }
}

#[micro::service]
impl Kinds for Counter {
    async fn double(&self, context: Context, number: Number) -> Result<Number> {
        let echo = context.metadata().get("x-echo").map(str::to_owned);
        if let Some(echo) = echo {
            context.set_response_metadata("x-echo", echo)?;
        }
        context.set_response_trailer("x-after", "double")?;
        let value = number
            .value
            .checked_mul(2)
            .ok_or_else(|| Error::out_of_range(format!("{} cannot be doubled", number.value)))?;
        Ok(Number { value, ..number })
    }

    async fn count(&self, number: Number) -> Result<Streaming<Number>> {
        Ok(Streaming::make(move |out| async move {
            let endless = (number.value < 0).then(|| Endless);
            let mut value = 0;
            while endless.is_some() || value < number.value {
                value += 1;
                out.send(Number::new(value)).await?;
            }
            Ok(())
        }))
    }

    async fn sum(&self, mut numbers: Streaming<Number>) -> Result<Number> {
        let (mut value, mut count) = (0, 0);
        while let Some(number) = numbers.next().await {
            value += number?.value;
            count += 1;
        }
        let note = format!("{count} numbers");
        Ok(Number { value, note })
    }

    async fn sums(
        &self,
        context: Context,
        mut numbers: Streaming<Number>,
    ) -> Result<Streaming<Number>> {
        Ok(Streaming::make(|out| async move {
            context.set_response_trailer("x-after", "sums")?;
            let mut sum = 0;
            while let Some(number) = numbers.next().await {
                let number = number?;
                if number.value < 0 {
                    let text = format!("{} is negative", number.value);
                    return Err(Error::out_of_range(text).with_detail(detail(&number)));
                }
                sum += number.value;
                out.send(Number::new(sum)).await?;
            }
            Ok(())
        }))
    }

    async fn fail(&self, number: Number) -> Result<Number> {
        let code = u32::try_from(number.value).ok();
        let kind = code.and_then(ErrorKind::from_grpc_code);
        let kind = kind.unwrap_or(ErrorKind::InvalidArgument);
        Err(Error::new(kind, "asked to fail: ä %").with_detail(detail(&number)))
    }

    async fn given_up(&self, number: Number) -> Result<Number> {
        let value = GIVEN_UP.load(Ordering::SeqCst);
        Ok(Number { value, ..number })
    }
}

fn detail(number: &Number) -> Detail {
    let mut value = Vec::new();
    number.encode(&mut value);
    Detail::new(Number::name(), value)
}

fn main() {
    micro::run!();
}
