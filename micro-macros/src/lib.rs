//! The attributes of micro; use them through the `micro` crate.

#![allow(dead_code, reason = "the attributes that use these land one by one")]

mod args;
mod diag;
mod suggest;
