//! `fc-local start`: serves until Ctrl-C. What is served is not known here.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fc_runtime::Error;
use rustix::process::{Resource, getrlimit, setrlimit};

use super::announce::{self, Place};
use super::args::StartArgs;
use super::doors::{Door, Doors};
use super::listen::{self, Bound, FunctionPort};
use super::onlooker::{self, Found};
use super::serving::{self, Platforms, Reload};
use super::{debug, signals, watch};
use crate::console::Console;
use crate::front::guard::Guard;
use crate::front::{Gateway, Timers};
use crate::function::{CustomDomain, Function, Project};
use crate::instance::Debugging;
use crate::log::{self, Log};
use crate::scaling::Platform;

/// Workers of the server beside those that calls in flight hold: calls that are refused must not wait behind
/// them.
const SPARE_WORKERS: usize = 64;

/// The delay before an asynchronous invocation is tried again: what the platform says of those that find no room.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// The platform's limit for descriptors.
const DESCRIPTORS: u64 = 100_000;

pub fn run(args: &StartArgs) -> Result<ExitCode> {
    let debugging = debug::of(args)?;
    let mut sources = Vec::new();
    let Project { functions, broken, domains, mut notes } = debug::project(args, &mut sources)?;
    notes.extend(broken.iter().map(serving::not_served));
    let drain = if debugging.is_on() { debug::NEVER } else { serving::drain_timeout(&functions) };
    raise_descriptor_limit();
    // Ends last: what a stop does is shown too.
    let Found { console, recorder, note: of_console } = onlooker::bind(args, &functions)?;
    let Bound { server, note } = bind(args, &functions, drain)?;
    let doors = Arc::new(server);
    let main = doors.main_address();
    let functions: Vec<Function> =
        functions.into_iter().map(|function| serving::at_endpoint(function, main)).collect();
    let log = Log::to_stdout(args.platform.json, args.platform.log_time).with_recorder(recorder);
    let log = Arc::new(log);
    log::listen_to_library(&log);
    note.iter().chain(&of_console).chain(&notes).for_each(|remark| log.warn(None, remark));
    let platforms = Platforms::start(functions.clone(), args, &debugging, &log)?;
    let addresses = (0..functions.len()).map(|place| doors.trigger_address(place));
    let served = platforms.all().iter().cloned().zip(addresses);
    let gateway = Arc::new(gateway(args, served.clone(), domains.clone(), &log));
    let timers = Timers::new(Arc::clone(&gateway));
    let firing = (!args.no_timers).then(|| Arc::clone(&timers));
    if let Some(console) = &console {
        console.open(served, firing.clone(), main);
    }
    stop_at_ctrl_c(platforms.all(), &gateway, &timers, &doors, &log)?;
    if args.warm {
        serving::warm(&platforms); // before a call comes, which would find it in use
    }
    doors.open(Arc::clone(&gateway));
    let (all, gateway_) = (platforms.all().to_vec(), (Arc::clone(&gateway), firing));
    let reload = Reload::new(all, gateway_, main, Arc::clone(&log), (domains.clone(), notes));
    let watch = || watch::watch(&args.function, debug::choice(args)?, sources, reload);
    let watching = if args.watch { Some(watch()?) } else { None };
    if !platforms.are_stopping() {
        announce(args, &debugging, &functions, &domains, &doors, &log)?;
        if args.no_timers {
            timers.announce_off();
        } else {
            timers.start()?;
        }
        announce::console(&log, console.as_ref().map(Console::address));
    }
    let result = doors.join();
    drop(watching);
    gateway.close(drain);
    if let Err(error @ Error::DrainTimeout { .. }) = &result {
        log.warn(None, &format!("calls were cut: {error}"));
        return Ok(ExitCode::FAILURE);
    }
    result.context("the server failed")?;
    Ok(ExitCode::SUCCESS)
}

fn gateway(
    args: &StartArgs,
    served: impl Iterator<Item = (Arc<Platform>, SocketAddr)>,
    domains: Vec<CustomDomain>,
    log: &Arc<Log>,
) -> Gateway {
    let status = args.platform.http_timeout_status;
    let delay = args.function.async_retry_delay.unwrap_or(RETRY_DELAY);
    Gateway::new(served, domains, guard(args), status, delay, Arc::clone(log))
}

/// What is said once callers can come.
fn announce(
    args: &StartArgs,
    debugging: &Debugging,
    functions: &[Function],
    domains: &[CustomDomain],
    doors: &Doors,
    log: &Log,
) -> Result<()> {
    if *debugging != Debugging::Attached {
        announce::faults(log, functions, debugging);
    }
    let at = |place, function| Place { function, address: doors.trigger_address(place) };
    let places = functions.iter().enumerate().map(|(place, function)| at(place, function));
    announce::places(log, doors.main_address(), &places.collect::<Vec<_>>(), domains);
    debug::announce(args, debugging, functions, log)?;
    let ports: Vec<u16> = functions.iter().map(|function| function.port).collect();
    announce::network(log, doors.main_address(), &ports);
    Ok(())
}

/// The main address, and one for each of several functions.
fn bind(args: &StartArgs, functions: &[Function], drain: Duration) -> Result<Bound<Doors>> {
    let concurrency = functions.iter().map(|function| function.concurrency);
    let door = |concurrency| Door { workers: workers(args.max_instances.into(), concurrency), drain };
    let ports: Vec<FunctionPort<'_>> =
        functions.iter().map(|function| FunctionPort { name: &function.name, port: function.port }).collect();
    let main = door(concurrency.clone().sum());
    let mut bound = listen::bind(args.listen.as_ref(), &ports, |address| Doors::bind(address, &main))?;
    if functions.len() > 1 {
        let reserved: Vec<u16> = functions.iter().map(|function| function.port).collect();
        for concurrency in concurrency {
            bound.server.bind_trigger(&door(concurrency), &reserved)?;
        }
    }
    Ok(bound)
}

/// The names under which callers may reach the server.
fn guard(args: &StartArgs) -> Guard {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let listen_name = args.listen.as_ref().and_then(|listen| listen.name.as_ref());
    let names = args.allow_host.iter().chain(listen_name).cloned();
    let address = args.listen.as_ref().map_or(Ipv4Addr::LOCALHOST.into(), |listen| listen.address.ip());
    Guard::new(address, machine.trim(), names)
}

/// Workers of the server: every call in flight holds one.
fn workers(max_instances: usize, concurrency: usize) -> usize {
    (max_instances * concurrency).clamp(256, 4096) + SPARE_WORKERS
}

fn stop_at_ctrl_c(
    platforms: &[Arc<Platform>],
    gateway: &Arc<Gateway>,
    timers: &Arc<Timers>,
    doors: &Arc<Doors>,
    log: &Arc<Log>,
) -> Result<()> {
    let (timers, doors, log) = (Arc::clone(timers), Arc::clone(doors), Arc::clone(log));
    let (platforms, gateway) = (platforms.to_vec(), Arc::clone(gateway));
    signals::at_first(move || {
        timers.stop();
        let calls = platforms.iter().map(|platform| platform.calls()).sum();
        log.event(None, &format!("{}; once more to stop at once", stopping(calls, gateway.waiting())));
        gateway.stop_queues();
        platforms.iter().for_each(|platform| platform.stop_starting());
        doors.stop();
    })
}

/// What is still done, and what is not: asynchronous invocations that wait.
fn stopping(calls: usize, waiting: usize) -> String {
    let calls = match calls {
        0 => "stopping".to_owned(),
        1 => "stopping when the call in flight is over".to_owned(),
        _ => format!("stopping when the {calls} calls in flight are over"),
    };
    match waiting {
        0 => calls,
        1 => format!("{calls}, without the asynchronous invocation that waits"),
        _ => format!("{calls}, without the {waiting} asynchronous invocations that wait"),
    }
}

/// An author's shell often allows 1,024 descriptors, the platform many more: two per call are soon used up.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(limit.maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS)));
    let _ = setrlimit(Resource::Nofile, limit); // few callers need it
}
