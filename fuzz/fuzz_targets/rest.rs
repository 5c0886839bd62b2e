//! A path, a line break, a query, a line break, a body: into a request.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/all/http/properties.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(3, |&byte| byte == b'\n');
    let mut text = || std::str::from_utf8(parts.next().unwrap_or_default()).unwrap_or_default();
    let (path, query) = (text(), text());
    properties::binding(path, query, parts.next().unwrap_or_default());
});
