//! What the benchmarks share, from starting a server to showing what was measured. No benchmark's own question is here.

mod client;
mod cores;
mod options;
mod process;
mod report;
mod results;
mod series;
mod servers;
mod stats;
mod table;
mod verify;

pub mod chart;
pub mod folders;
pub mod machine;
pub mod strace;
pub mod subject;
pub mod wrk;

pub use client::{Client, GET, INITIALIZE, INVOKE, ask_all, timed};
pub use cores::Cores;
pub use options::Scale;
pub use process::{Running, Usage, free_port};
pub use report::Report;
pub use results::{Results, replace_between_markers};
pub use series::{Series, add_ratios};
pub use servers::{Build, Role, Server};
pub use stats::Sample;
pub use table::{median, number, quantile};
