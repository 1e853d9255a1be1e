//! fc-local from outside: the built program, real functions as its children, real callers.

mod harness;

mod api;
mod asynchronous;
mod callers;
mod check;
mod console;
mod deadlines;
mod debugging;
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
mod log;
mod oracle;
mod orphans;
mod output;
mod places;
mod ports;
mod scaling;
mod several;
mod stops;
mod tasks;
mod template;
mod templates;
mod timers;
mod triggers;
mod watch;
mod wire;
