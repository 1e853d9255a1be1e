//! How many instances there are, and which of them serves a call.

mod health;
mod housekeeper;
mod platform;
mod scaler;
mod slots;
mod upkeep;

pub use platform::Platform;
pub use scaler::{Scaler, Ticket};
pub use upkeep::{Freeze, Upkeep};
