//! When is an instance frozen, when stopped? The times alone.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub struct Upkeep {
    /// An instance is stopped this long after its last call.
    pub idle_timeout: Duration,
    /// `None` when instances are never frozen.
    pub freeze: Option<Freeze>,
}

#[derive(Clone, Copy, Debug)]
pub struct Freeze {
    /// An instance is frozen this long after its last call.
    pub after: Duration,
    /// Whether PreStop runs before a freeze and the Initializer after a thaw.
    pub with_hooks: bool,
}
