//! How many instances there are, and which of them serves a call.

mod health;
mod housekeeper;
pub mod platform;
pub mod scaler;
mod slots;
mod upkeep;

pub use upkeep::{Freeze, Upkeep};
