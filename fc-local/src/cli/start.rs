//! `fc-local start`: serves until Ctrl-C. What is served is not known here.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fc_runtime::{Error, Running, Server, ServerConfig};
use rustix::process::{Resource, getrlimit, setrlimit};

use super::args::StartArgs;
use super::listen::{self, Bound, FunctionPort};
use super::{load, signals, watch};
use crate::front::Gateway;
use crate::front::guard::Guard;
use crate::function::Function;
use crate::log::{self, Log};
use crate::scaling::{Opened, Platform};

/// What a call may take beside its own limits: the time to read its response.
const DRAIN: Duration = Duration::from_secs(10);

/// How long a caller may pause: as long as a function may run.
const CALLER_PAUSE: Duration = Duration::from_secs(86_400);

/// Workers of the server beside those that calls in flight hold: calls that are refused must not wait behind
/// them.
const SPARE_WORKERS: usize = 64;

/// The platform's limit for descriptors.
const DESCRIPTORS: u64 = 100_000;

pub fn run(args: &StartArgs) -> Result<ExitCode> {
    let function = load::function(&args.function)?;
    let (name, port, drain) = (function.name.clone(), function.port, drain_timeout(&function));
    let ports = [FunctionPort { name: &name, port }];
    listen::check(args.listen.as_ref(), &ports)?;
    let workers = workers(args.max_instances.into(), function.concurrency);
    raise_descriptor_limit();
    let platform = Opened::new(start_platform(function, args)?);
    let gateway = Gateway::new(Arc::clone(&platform), guard(args), args.platform.http_timeout_status);
    let gateway = Arc::new(gateway);
    let bind = |address| bind(address, workers, drain, &gateway);
    let Bound { server, note } = listen::bind(args.listen.as_ref(), &ports, bind)?;
    let watching = if args.watch { Some(watch::watch(&args.function, &platform)?) } else { None };
    let running = Arc::new(server.start().context("the server failed")?);
    stop_at_ctrl_c(&platform, &running)?;
    if let Some(note) = note {
        platform.log().warn(None, &note);
    }
    announce(platform.log(), &name, &running);
    warn_of_the_network(platform.log(), port, &running);
    let result = running.join();
    drop(watching);
    gateway.close(drain);
    if let Err(error @ Error::DrainTimeout { .. }) = &result {
        platform.log().warn(None, &format!("calls were cut: {error}"));
        return Ok(ExitCode::FAILURE);
    }
    result.context("the server failed")?;
    Ok(ExitCode::SUCCESS)
}

/// The names under which callers may reach the server.
fn guard(args: &StartArgs) -> Guard {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let listen_name = args.listen.as_ref().and_then(|listen| listen.name.as_ref());
    let names = args.allow_host.iter().chain(listen_name).cloned();
    let address = args.listen.as_ref().map_or(Ipv4Addr::LOCALHOST.into(), |listen| listen.address.ip());
    Guard::new(address, machine.trim(), names)
}

/// How long calls in flight may take at a stop. A second Ctrl-C does not wait for it.
fn drain_timeout(function: &Function) -> Duration {
    let initializer = function.initializer.as_ref().map_or(Duration::ZERO, |hook| hook.timeout);
    function.timeout + initializer + DRAIN
}

/// Workers of the server: every call in flight holds one.
fn workers(max_instances: usize, concurrency: usize) -> usize {
    (max_instances * concurrency).clamp(256, 4096) + SPARE_WORKERS
}

fn start_platform(function: Function, args: &StartArgs) -> Result<Platform> {
    let surroundings = load::surroundings(&args.platform, Log::to_stdout(args.platform.json), &function)?;
    let upkeep = load::upkeep(&args.platform, args.idle_timeout);
    let platform = Platform::start(function, args.max_instances.into(), upkeep, surroundings)
        .context("cannot start a thread")?;
    log::listen_to_library(platform.log());
    Ok(platform)
}

/// The server that callers reach. The platform's own limits are answered in the platform's own words, not in
/// the server's.
fn bind(
    address: SocketAddr,
    workers: usize,
    drain: Duration,
    gateway: &Arc<Gateway>,
) -> Result<Server, Error> {
    let config = ServerConfig::default()
        .address(address)
        .hooks(false)
        .max_workers(workers)
        .max_body(u64::MAX)
        .body_timeout(CALLER_PAUSE)
        .drain_timeout(drain);
    let gateway = Arc::clone(gateway);
    Server::bind_fn(config, move |_, request| Ok(gateway.serve(request)))
}

fn stop_at_ctrl_c(platform: &Arc<Platform>, running: &Arc<Running>) -> Result<()> {
    let (platform, running) = (Arc::clone(platform), Arc::clone(running));
    signals::at_first(move || {
        let text = "stopping when the calls in flight are over; once more to stop at once";
        platform.log().event(None, text);
        platform.stop_starting();
        running.stop();
    })
}

/// Says where the function is served, and what to type.
fn announce(log: &Log, name: &str, running: &Running) {
    let address = running.local_addr();
    log.event(None, &format!("{name} is served on http://{address}/"));
    log.event(None, &format!("try: curl http://{address}/"));
    log.event(None, &format!("or:  curl -d '{{}}' http://{address}/2023-03-30/functions/{name}/invocations"));
}

/// Says who else can reach what is served: by choice the server, by the platform's contract the function.
fn warn_of_the_network(log: &Log, port: u16, running: &Running) {
    let address = running.local_addr();
    if !address.ip().to_canonical().is_loopback() {
        log.warn(
            None,
            &format!("--listen {address}: whoever reaches this machine over the network can call the function, without a key"),
        );
    }
    log.warn(
        None,
        &format!("the function's own port, {port} for its first instance, is open to the network, since functions listen on 0.0.0.0: whoever reaches this machine can call it past fc-local, unless a firewall keeps them out"),
    );
}

/// An author's shell often allows 1,024 descriptors, the platform many more: two per call are soon used up.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(limit.maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS)));
    let _ = setrlimit(Resource::Nofile, limit); // few callers need it
}
