//! What a worker that was woken or made is to do.

/// A worker's next step. What `Work` is, only the pool's user knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task<T> {
    /// Wait for events; the worker is counted as waiting already.
    Wait,
    Work(T),
    /// End the thread.
    Leave,
}
