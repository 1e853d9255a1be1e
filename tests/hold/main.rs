//! The server as a process that is frozen, thawed, stopped, starved and abandoned. Order is forced
//! by what the processes do; the limits are set so small that a freeze outlasts them all.

#[path = "../it/support.rs"]
#[allow(dead_code)]
mod support;

#[path = "../it/port.rs"]
mod port;

mod codec;
#[cfg(target_os = "linux")]
mod freeze;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
mod stop;
#[cfg(target_os = "linux")]
mod subject;
