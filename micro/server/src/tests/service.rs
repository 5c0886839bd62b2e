//! The streaming methods of the test service.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use crate::tests::text::Text;
use crate::tests::{Counted, Test};
use micro_core::handler::{Method, Parts, Streaming};
use micro_message::error::{Detail, Error, Result};

/// Size of each message of `Flood` on the wire, in bytes.
pub(super) const DROP: usize = 1000;

fn text(text: &str) -> Text {
    Text(text.to_owned())
}

pub(super) fn methods() -> Vec<Method> {
    vec![
        Method::unary("Get", |_: Arc<Test>, context, text: Text| async move {
            context.set_response_trailer("after", "2")?;
            Ok(text)
        })
        .idempotent(),
        Method::unary("Late", |_: Arc<Test>, _, asked: Text| async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(Text("x".repeat(asked.0.parse().unwrap_or_default())))
        }),
        Method::unary("Small", |_: Arc<Test>, _, asked: Text| async move {
            Ok(Text("x".repeat(asked.0.parse().unwrap_or_default())))
        })
        .max_message_size(100),
        Method::server_stream("Tell", |parts: Parts, asked: Text| async move {
            parts.context().set_response_metadata("before", "1")?;
            Ok(Streaming::make(|out| async move {
                for word in asked.0.split(' ') {
                    match word {
                        "panic" => {
                            tokio::task::yield_now().await;
                            panic!("secret")
                        }
                        "fail" => {
                            let detail = Detail::new("test.Text", [0x0a, 1, b'x']);
                            parts.context().set_response_trailer("after", "2")?;
                            return Err(Error::aborted("no more").with_detail(detail));
                        }
                        word => out.send(text(word)).await?,
                    }
                }
                parts.context().set_response_trailer("after", "2")
            }))
        })
        .idempotent(),
        Method::server_stream("Flood", |parts: Parts, _: Text| async move {
            let test: Arc<Test> = parts.service()?;
            let counted = Counted::new(&test);
            Ok(Streaming::make(|out| async move {
                let _counted = counted;
                loop {
                    out.send(Text("x".repeat(DROP - 8))).await?;
                    test.messages.fetch_add(1, Ordering::SeqCst);
                }
            }))
        }),
        Method::server_stream("Hold", |parts: Parts, first: Text| async move {
            let counted = Counted::new(&parts.service()?);
            Ok(Streaming::make(|out| async move {
                let _counted = counted;
                if !first.0.is_empty() {
                    out.send(first).await?;
                }
                std::future::pending::<Result<()>>().await
            }))
        })
        .idempotent(),
        Method::server_stream("Grind", |_: Parts, _: Text| async move {
            Ok(Streaming::new(Grind))
        }),
        Method::client_stream(
            "Slow",
            |parts: Parts, mut input: Streaming<Text>| async move {
                let test: Arc<Test> = parts.service()?;
                let _counted = Counted::new(&test);
                let mut count = 0;
                loop {
                    let permit = test.pace.acquire().await;
                    permit.expect("it is never closed").forget();
                    match input.next().await {
                        None => return Ok(Text(count.to_string())),
                        Some(message) => count += message?.0.len(),
                    }
                }
            },
        ),
    ]
}

/// An endless stream that is always ready. Each message uses the processor for 100 microseconds.
struct Grind;

impl Stream for Grind {
    type Item = Text;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Text>> {
        std::thread::sleep(Duration::from_micros(100));
        Poll::Ready(Some(text("x")))
    }
}
