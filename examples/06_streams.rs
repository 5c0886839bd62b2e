//! Streams in both directions. Prints
//!
//! ```text
//! read line 1
//! read line 2
//! read line 3
//! nobody reads any more; of a million lines few were written: true
//! counted 3
//! heard ONE
//! heard TWO
//! heard 2 LINES, GOOD BYE
//! ```
//!
//! The signature decides which side streams. Nothing is buffered beyond the sockets, so a slow
//! reader slows down a fast writer. Dropping one end of a stream ends the other.

use std::sync::atomic::{AtomicU64, Ordering};

use micro::prelude::*;
use tokio::sync::watch;

#[micro::message]
struct Line {
    text: String,
}

#[micro::message]
struct Count {
    count: u64,
}

#[micro::service]
struct Lines {
    #[micro(default)]
    written: AtomicU64,
    #[micro(value = watch::Sender::new(0))]
    readers: watch::Sender<u64>,
}

#[micro::service]
impl Lines {
    /// One request, many responses. The stream runs while it is read, and may borrow the service.
    #[micro::rpc]
    async fn read(&self, most: Count) -> Result<impl Stream<Item = Result<Line>>> {
        Ok(stream(move |out| async move {
            let _reader = Reader::new(&self.readers);
            for number in 1..=most.count {
                let text = format!("{:1000}", format!("line {number}"));
                out.send(Line { text }).await?;
                self.written.store(number, Ordering::Relaxed);
            }
            Ok(())
        }))
    }

    /// One request, one response: the number of lines that were written, once no reader is left.
    #[micro::rpc]
    async fn written(&self) -> Result<Count> {
        let mut readers = self.readers.subscribe();
        let none = readers.wait_for(|readers| *readers == 0).await;
        none.map_err(|_| Error::unavailable("the service is gone"))?;
        let count = self.written.load(Ordering::Relaxed);
        Ok(Count { count })
    }

    /// Many requests, one response.
    #[micro::rpc]
    async fn count(&self, mut lines: Streaming<Line>) -> Result<Count> {
        let mut count = 0;
        while let Some(line) = lines.next().await {
            line?;
            count += 1;
        }
        Ok(Count { count })
    }

    /// Many requests, many responses. A caller that has finished sending still receives.
    #[micro::rpc]
    async fn talk(&self, mut lines: Streaming<Line>) -> Result<Streaming<Line>> {
        Ok(Streaming::make(|out| async move {
            let mut count = 0;
            while let Some(line) = lines.next().await {
                out.send(line?).await?;
                count += 1;
            }
            let text = format!("{count} lines, good bye");
            out.send(Line { text }).await
        }))
    }
}

/// Counts as a reader until it is dropped.
struct Reader<'a>(&'a watch::Sender<u64>);

impl<'a> Reader<'a> {
    fn new(readers: &'a watch::Sender<u64>) -> Self {
        readers.send_modify(|readers| *readers += 1);
        Self(readers)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|readers| *readers -= 1);
    }
}

/// A wrap handles a stream as one call. It can map every message with a function.
#[micro::wrap(service = "lines", method = "talk")]
async fn shout(call: Call, next: Next<'_>) -> Result<Response> {
    let reply = next.run(call).await?;
    reply.map_messages(|line: Line| {
        let text = line.text.to_uppercase();
        Ok(Line { text })
    })
}

fn line(text: &str) -> Line {
    Line { text: text.into() }
}

#[micro::on(ready)]
async fn call(lines: LinesClient, stop: Stop) -> Result<()> {
    let mut read = lines.read(Count { count: 1_000_000 }).remote().await?;
    for _ in 0..3 {
        if let Some(line) = read.next().await {
            println!("read {}", line?.text.trim());
        }
    }
    drop(read);
    let few = lines.written().remote().await?.count < 10_000;
    println!("nobody reads any more; of a million lines few were written: {few}");

    // Capacity for one line: `send` waits until it is free.
    let (out, requests) = Streaming::channel(1);
    let counting = lines.count(requests).remote();
    let sending = async {
        for text in ["one", "two", "three"] {
            out.send(line(text)).await?;
        }
        drop(out);
        Ok(())
    };
    let (counted, ()) = tokio::try_join!(counting.into_future(), sending)?;
    println!("counted {}", counted.count);

    let (out, requests) = Streaming::channel(1);
    let mut replies = lines.talk(requests).remote().await?;
    for text in ["one", "two"] {
        out.send(line(text)).await?;
        if let Some(reply) = replies.next().await {
            println!("heard {}", reply?.text);
        }
    }
    drop(out);
    while let Some(reply) = replies.next().await {
        println!("heard {}", reply?.text);
    }
    stop.now();
    Ok(())
}

fn main() {
    micro::run!()
}
