//! This crate is empty. The examples are in the parent folder, and README.md lists them.
