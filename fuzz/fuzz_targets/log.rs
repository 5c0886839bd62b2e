//! Files of events after a crash, a bad disk or a bad hand: records, and how far groups are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use micro_file::fuzz::{progress, records};

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((0, bytes)) => progress(bytes),
        Some((_, bytes)) => records(bytes),
        None => {}
    }
});
