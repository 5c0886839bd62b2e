//! What stands in a URL's query and in headers: Connect's GET, times, content types.

#![no_main]

use libfuzzer_sys::fuzz_target;
use micro::server::fuzz::{LIMIT, header, query};

fuzz_target!(|bytes: &[u8]| {
    header(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(message) = query(text)
    {
        assert!(message.len() <= LIMIT);
    }
});
