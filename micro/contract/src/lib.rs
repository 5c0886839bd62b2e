//! What every backend of [micro](https://docs.rs/micro) must do.
