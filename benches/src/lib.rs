//! What the benchmarks share: which servers there are, how one is started and asked, what its samples say, and how that
//! is shown. No benchmark's own question belongs here.

pub mod options;

pub mod servers;

pub mod process;

pub mod cores;

pub mod client;

pub mod verify;

pub mod wrk;

pub mod strace;

pub mod stats;

pub mod machine;

pub mod table;

pub mod report;

pub mod chart;

pub mod results;
