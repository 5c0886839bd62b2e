//! The examples stand beside this file; run them with `cargo run --example 01_hello`. Empty itself.
