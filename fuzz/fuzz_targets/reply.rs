//! What a server answers our client: framed messages, wherever they are cut, and statuses.

#![no_main]

use libfuzzer_sys::fuzz_target;
use micro::client::fuzz::{LIMIT, frames, status};

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, body)) = bytes.split_first() else {
        return;
    };
    let size = usize::from(first % 16) + 1;
    let encoding = match first / 64 {
        0 => return status(body),
        1 => None,
        2 => Some("gzip"),
        _ => Some("zstd"),
    };
    let whole = frames(body, usize::MAX, encoding);
    assert_eq!(frames(body, size, encoding), whole);
    assert!(whole.0.iter().all(|message| message.len() <= LIMIT));
});
