//! What the benchmarks share: which servers there are, how one is started and asked, what its samples say, and how that
//! is shown. No benchmark's own question belongs here.

// What is measured, and where.
pub mod folders;
pub mod machine;
pub mod options;
pub mod servers;

// How a server is started and asked.
pub mod client;
pub mod cores;
pub mod process;
pub mod strace;
pub mod verify;
pub mod wrk;

// What it has shown.
pub mod series;
pub mod stats;
pub mod table;

// How that is kept and published.
pub mod chart;
pub mod report;
pub mod results;
