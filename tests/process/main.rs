//! The examples as processes: what they print, how they end, and how they are when they are stopped, starved and
//! abandoned. Order is forced by what the processes do.

#[cfg(target_os = "linux")]
mod alone;
mod examples;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod output;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
mod starved;
#[cfg(target_os = "linux")]
mod stop;
#[cfg(target_os = "linux")]
mod subject;
