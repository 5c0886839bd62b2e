//! `Types`: collects descriptors of messages, each once.

/// Collects descriptors of messages and services, each once.
#[derive(Debug, Default)]
pub struct Types {}
