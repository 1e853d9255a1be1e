//! fc-local from outside: the built program, real functions as its children, real callers.

mod harness;

mod api;
mod asynchronous;
mod callers;
mod check;
mod deadlines;
mod errors;
mod escapes;
mod freeze;
mod gateway;
mod hooks;
mod initializer;
mod invoke;
mod limits;
mod listen;
mod load;
mod orphans;
mod output;
mod places;
mod scaling;
mod stops;
mod template;
mod watch;
mod wire;
