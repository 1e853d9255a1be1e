//! How many instances there are, and which of them serves a call. What a call is, is not known here.

mod platform;

mod housekeeper;
mod scaler;

mod failed_start;
mod freezer;
mod health;

mod ticket;
mod underway;

mod fleet;

mod alarm;
mod attempt;

mod slots;
mod upkeep;

mod slot;
mod unavailable;

mod queue;

pub use platform::{Opened, Platform};
pub use scaler::Scaler;
pub use ticket::Ticket;
#[cfg(test)]
pub use unavailable::NoRoom;
pub use unavailable::Unavailable;
pub use upkeep::{Freeze, Upkeep};
