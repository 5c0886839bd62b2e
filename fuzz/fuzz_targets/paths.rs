//! Lines of text: path templates, and the path that is looked up among them.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/all/http/properties.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let path = lines.pop().unwrap_or_default();
    for line in &lines {
        properties::template(line);
    }
    properties::lookup(&lines, path);
});
