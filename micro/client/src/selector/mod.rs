//! Selector: which node a call goes to, by strategy, filter, load and health.
//!
//! Pure and synchronous: time comes in as a parameter and randomness from a seed. Does not know
//! networks; who calls tells it how calls went.

mod filter;
mod health;
mod load;
mod pick;
mod random;
mod strategy;
mod table;

pub use self::filter::Filter;
pub use self::health::{Health, Probing};
pub use self::load::Load;
pub use self::strategy::Strategy;
pub use self::table::{Choice, Flight, Member, Table, Update};

#[cfg(test)]
mod simulation;
