//! Datagrams that anybody on the network may send, and what nodes say of themselves in them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use micro_mdns::fuzz::{packet, record};

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((0, bytes)) => record(bytes),
        Some((_, bytes)) => packet(bytes),
        None => {}
    }
});
