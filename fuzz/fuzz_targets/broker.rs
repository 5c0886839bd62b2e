//! Events and words of other processes, of micro's and Go Micro's, by the first byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use micro_http::fuzz::{batch, posted, words};

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((0, bytes)) => words(bytes),
        Some((1, bytes)) => posted(bytes),
        Some((_, bytes)) => batch(bytes),
        None => {}
    }
});
