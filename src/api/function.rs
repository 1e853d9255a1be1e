//! What an author implements. Who calls it, and when, is the lifecycle's business.

use crate::api::{Context, Request, Response};
use anyhow::anyhow;

/// A function: its state is built once, serves invocations from several threads, and is told
/// before the instance goes.
///
/// ```
/// use fc_runtime::{Context, Function, Request, Response};
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// struct Counter { calls: AtomicU64 }
///
/// impl Function for Counter {
///     fn initialize(_: &Context) -> anyhow::Result<Self> {
///         Ok(Counter { calls: AtomicU64::new(0) })
///     }
///     fn invoke(&self, _: &Context, _: Request<'_>) -> anyhow::Result<Response> {
///         let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
///         Ok(Response::text(format!("call {call}")))
///     }
/// }
/// ```
pub trait Function: Sized + Send + Sync + 'static {
    /// The Initializer hook and the constructor: runs at `POST /initialize`, or before the first
    /// invocation when that hook is not configured, and succeeds at most once per life. After
    /// `pre_stop` another `/initialize` builds a new value.
    ///
    /// A function whose initializer is a closure, handed to [`serve_with`](crate::serve_with) or
    /// [`Server::bind`](crate::Server::bind), leaves it out; without either every call fails.
    ///
    /// # Errors
    /// Any: the platform restarts the instance, unless a [`StatusError`](crate::StatusError) with
    /// 400 or 404 asks it to try again on this one (Function Compute's page on instance lifecycle hooks).
    fn initialize(ctx: &Context) -> anyhow::Result<Self> {
        let _ = ctx;
        Err(anyhow!(
            "no initializer: write `Function::initialize`, or hand one to `serve_with` or `Server::bind`"
        ))
    }

    /// One invocation. Many run at once, as many as the function's instance concurrency.
    ///
    /// What becomes of its outcome; `x-fc-status` is what the platform reads: 200, or 404 for an invocation that
    /// failed.
    ///
    /// | outcome | an HTTP client gets | `x-fc-status` | an event's caller gets | `x-fc-status` |
    /// |---|---|---|---|---|
    /// | a response | the response | 200 | its body | 200 |
    /// | a [`StatusError`](crate::StatusError) below 500 | that status and message | 200 | 404 with the message | 404 |
    /// | one from 500 on | that status and message | 404 | 404 with the message | 404 |
    /// | any other error | 500 with the request id | 404 | 404 with the message and its causes | 404 |
    /// | a panic, an invalid response | 500 with the request id | 404 | 404 with the request id | 404 |
    ///
    /// The body of a failure is `{"errorMessage":"…","errorType":"…"}`, the type one of `FunctionError`,
    /// `FunctionPanic`, `InvalidResponse` and, of `initialize`, `InitializationError`. The log has all of it. What the
    /// client did wrong on the wire is answered before or without the function, in plain text.
    ///
    /// # Errors
    /// Any, see above.
    fn invoke(&self, ctx: &Context, request: Request<'_>) -> anyhow::Result<Response>;

    /// The PreStop hook: before the instance is destroyed (some pages of the vendor say: before it is
    /// frozen) and at SIGTERM. It runs only after `initialize`, may run beside invocations, and again after further
    /// ones. Flush what was collected. At a stop of this server it has what is left of
    /// [`drain_timeout`](crate::ServerConfig::drain_timeout), 3 s in any case.
    ///
    /// # Errors
    /// Any: logged; the platform stops the instance all the same. At a stop of this server it is
    /// [`Error::PreStop`](crate::Error::PreStop), and a process ends with code 1.
    fn pre_stop(&self, ctx: &Context) -> anyhow::Result<()> {
        let _ = ctx;
        Ok(())
    }
}

/// A closure or a plain `fn` is a function without state or hooks of its own.
#[diagnostic::do_not_recommend]
impl<I> Function for I
where
    I: Fn(&Context, Request<'_>) -> anyhow::Result<Response> + Send + Sync + 'static,
{
    fn invoke(&self, ctx: &Context, request: Request<'_>) -> anyhow::Result<Response> {
        self(ctx, request)
    }
}
