//! `fc-local start`: serves until Ctrl-C.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use fc_runtime::{Error, Server, ServerConfig};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::cli::args::StartArgs;
use crate::cli::{load, signals, watch};
use crate::front::gateway::Gateway;
use crate::log::{self, Log};
use crate::scaling::platform::Platform;

/// Beside a call's own limits: what its response takes to be read.
const DRAIN: Duration = Duration::from_secs(10);

/// A caller may pause for as long as a function may run.
const PATIENT: Duration = Duration::from_secs(86_400);

pub fn run(args: &StartArgs) -> Result<ExitCode> {
    let function = load::function(&args.function)?;
    let workers = (usize::from(args.max_instances) * function.concurrency).clamp(256, 4096);
    let log = Log::to_stdout(args.platform.json);
    raise_descriptor_limit();
    let name = function.name.clone();
    // A second Ctrl-C does not wait for it.
    let initializer = function.initializer.as_ref().map_or(Duration::ZERO, |hook| hook.timeout);
    let drain = function.timeout + initializer + DRAIN;
    let surroundings = load::surroundings(&args.platform, log)?;
    let upkeep = load::upkeep(&args.platform, args.idle_timeout);
    let platform = Platform::start(function, args.max_instances.into(), upkeep, surroundings);
    let platform = Arc::new(platform.context("cannot start a thread")?);
    log::listen_to_library(platform.log());
    let gateway = Arc::new(Gateway::new(Arc::clone(&platform), args.platform.http_timeout_status));
    let serving = Arc::clone(&gateway);
    let config = ServerConfig::default()
        .address(args.listen)
        .hooks(false)
        .marks(false)
        // Every call in flight holds one, and calls that are refused must not wait behind them.
        .max_workers(workers + 64)
        // The platform's own limits are answered in the platform's own words.
        .max_body(u64::MAX)
        .body_timeout(PATIENT)
        .drain_timeout(drain);
    let server = match Server::bind_fn(config, move |_, request| Ok(serving.serve(request))) {
        Ok(server) => server,
        Err(error) => {
            platform.close();
            bail!("{error}; choose another address with --listen");
        }
    };
    let reloading = if args.watch { Some(watch::watch(&args.function, &platform)?) } else { None };
    let (stopper, stopping) = (server.stopper(), Arc::clone(&platform));
    signals::at_first(move || {
        stopping.log().event(None, "stopping when the calls in flight are over; once more to stop at once");
        stopping.stop_starting();
        stopper.stop();
    })?;
    let address = server.local_addr();
    platform.log().event(None, &format!("{name} is served on http://{address}/"));
    platform.log().event(None, &format!("try: curl http://{address}/"));
    platform.log().event(
        None,
        &format!("or:  curl -d '{{}}' http://{address}/2023-03-30/functions/{name}/invocations"),
    );
    let result = server.run();
    drop(reloading);
    gateway.close(drain);
    if let Err(error @ Error::DrainTimeout { .. }) = &result {
        platform.log().warn(None, &format!("calls were cut: {error}"));
        platform.close();
        return Ok(ExitCode::FAILURE);
    }
    platform.close();
    result.context("the server failed")?;
    Ok(ExitCode::SUCCESS)
}

/// The platform allows 100,000 descriptors, an author's shell often 1,024: two per call are soon used up.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum.map_or(Some(100_000), |maximum| Some(maximum.min(100_000)));
    let _ = setrlimit(Resource::Nofile, limit); // few callers need it
}
