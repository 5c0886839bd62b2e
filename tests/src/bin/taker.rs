//! A member of a queue that is killed by a test. It prints the number of each event that it
//! handles.

/// A number of its own for each event.
#[micro::message(topic = "counted.made")]
struct Made {
    number: u64,
}

#[micro::subscribe(queue = "count", concurrency = 4)]
async fn count(event: Made) {
    println!("{}", event.number);
}

fn main() {
    micro::run!(help);
}
