//! The functions that `start` serves, from the start of their platforms to their close. How callers reach them is not known
//! here.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::args::StartArgs;
use super::{debug, load};
use crate::front::{Gateway, Timers};
use crate::function::{Broken, CustomDomain, Function, Project};
use crate::instance::Debugging;
use crate::log::Log;
use crate::scaling::Platform;

/// What a call may take beside its own limits: the time to read its response.
const DRAIN: Duration = Duration::from_secs(10);

/// The platform of each function, all of them closed on every way out of a command.
pub struct Platforms(Vec<Arc<Platform>>);

impl Platforms {
    /// Starts a platform for each function, which says whose lines are whose where there are several.
    pub fn start(
        functions: Vec<Function>,
        args: &StartArgs,
        debugging: &Debugging,
        log: &Arc<Log>,
    ) -> Result<Platforms> {
        let are_several = functions.len() > 1;
        let width = functions.iter().map(|function| function.name.chars().count()).max().unwrap_or(0);
        let mut platforms = Platforms(Vec::new());
        for function in functions {
            let own = || Arc::new(log.of_function(&function.name, width));
            let log = if are_several { own() } else { Arc::clone(log) };
            let upkeep = load::upkeep(&args.platform, args.idle_timeout);
            let (max_instances, upkeep) = debug::limits(debugging, args.max_instances, upkeep);
            let mut surroundings = load::surroundings(&debug::platform(args, debugging), log, &function)?;
            surroundings.debugging = debugging.clone();
            let platform = Platform::start(function, max_instances, upkeep, surroundings);
            platforms.0.push(Arc::new(platform.context("cannot start a thread")?));
        }
        Ok(platforms)
    }

    pub fn all(&self) -> &[Arc<Platform>] {
        &self.0
    }

    /// Whether they stop, as all of them do at once.
    pub fn are_stopping(&self) -> bool {
        self.0.iter().any(|platform| platform.is_stopping())
    }
}

/// Starts an instance of each function, with its Initializer. That one fails is in the log.
pub fn warm(platforms: &Platforms) {
    thread::scope(|scope| {
        for platform in platforms.all() {
            let start = || drop(platform.scaler.acquire(&|| false));
            // Without a thread it is the first call that starts it.
            let _ = thread::Builder::new().name("warm".to_owned()).spawn_scoped(scope, start);
        }
    });
}

impl Drop for Platforms {
    fn drop(&mut self) {
        // At once: each may take as long as its PreStop does.
        thread::scope(|scope| {
            for platform in &self.0 {
                let close = thread::Builder::new().name("close".to_owned());
                if close.spawn_scoped(scope, || platform.close()).is_err() {
                    platform.close();
                }
            }
        });
    }
}

/// What is said of a function that cannot run.
pub fn not_served(broken: &Broken) -> String {
    format!("{} is not served: {:#}", broken.name, broken.reason)
}

struct Served {
    platform: Arc<Platform>,
    /// What has changed since its function was loaded.
    changed: BTreeSet<PathBuf>,
}

/// What a changed configuration is used for.
pub struct Reload {
    served: Vec<Served>,
    gateway: Arc<Gateway>,
    /// Unless they do not fire.
    timers: Option<Arc<Timers>>,
    /// Where the API is.
    main: SocketAddr,
    pub log: Arc<Log>,
    domains: Vec<CustomDomain>,
    /// What was said of the configuration, which is not repeated while it holds.
    said: Vec<String>,
    is_refused: bool,
}

impl Reload {
    /// For what is served already, as it was configured and was said.
    pub fn new(
        platforms: Vec<Arc<Platform>>,
        (gateway, timers): (Arc<Gateway>, Option<Arc<Timers>>),
        main: SocketAddr,
        log: Arc<Log>,
        (domains, said): (Vec<CustomDomain>, Vec<String>),
    ) -> Reload {
        let served = platforms.into_iter().map(|platform| Served { platform, changed: BTreeSet::new() });
        Reload { served: served.collect(), gateway, timers, main, log, domains, said, is_refused: false }
    }

    /// The functions that are served go on as the changed configuration says; a function that is new, and one that is
    /// gone, need a restart. `changed` is what has changed of that which they are made of.
    pub fn reload(&mut self, project: Project, changed: &BTreeSet<PathBuf>) {
        self.note(changed);
        let Project { functions, broken, domains, notes: mut lines } = project;
        let mut functions: Vec<Function> =
            functions.into_iter().map(|function| at_endpoint(function, self.main)).collect();
        let is_only = self.served.len() == 1 && functions.len() == 1 && broken.is_empty();
        let (restart, mut is_changed) = ("stop fc-local and start it again", false);
        for Served { platform, changed } in &mut self.served {
            let old = platform.function();
            let place = functions.iter().position(|function| is_only || function.name == old.name);
            if let Some(place) = place {
                let new = functions.swap_remove(place);
                let is_changed_code = new.origins.iter().any(|origin| changed.contains(origin));
                changed.clear();
                if is_changed_code || !new.is_configured_as(&old) {
                    platform.reload(new);
                    platform
                        .log()
                        .event(None, "the code or the template changed: the next call starts it anew");
                    is_changed = true;
                }
            } else if let Some(broken) = broken.iter().find(|broken| broken.name == old.name) {
                lines.push(format!("{} is served as it was: {:#}", broken.name, broken.reason));
            } else {
                let name = &old.name;
                lines.push(format!(
                    "{name} is no longer configured and is served as it was; to end that {restart}"
                ));
            }
        }
        let is_served = |name: &str| self.served.iter().any(|served| served.platform.function().name == name);
        lines.extend(broken.iter().filter(|broken| !is_served(&broken.name)).map(not_served));
        lines
            .extend(functions.iter().map(|new| format!("{} is new and not served yet: {restart}", new.name)));
        if domains != self.domains {
            self.gateway.set_domains(domains.clone());
            self.log.event(None, "the custom domains changed");
            (self.domains, is_changed) = (domains, true);
        }
        if let Some(timers) = &self.timers {
            timers.reload();
        }
        let is_new = lines != self.said;
        lines.iter().filter(|line| !self.said.contains(line)).for_each(|line| self.log.warn(None, line));
        self.said = lines;
        if self.is_refused && !is_changed && !is_new {
            self.log.event(None, "all is as it was before the change that is not used");
        }
        self.is_refused = false;
    }

    /// What is configured cannot be served: what is served stays as it is.
    pub fn refuse(&mut self, error: &anyhow::Error, changed: &BTreeSet<PathBuf>) {
        self.note(changed);
        self.log.warn(None, &format!("the change is not used: {error:#}"));
        self.is_refused = true;
    }

    fn note(&mut self, changed: &BTreeSet<PathBuf>) {
        self.served.iter_mut().for_each(|served| served.changed.extend(changed.iter().cloned()));
    }
}

/// The function as it is told where the API is: on this machine, also when that listens on all addresses.
pub fn at_endpoint(function: Function, main: SocketAddr) -> Function {
    let host = match main.ip() {
        ip if !ip.is_unspecified() => ip,
        ip if ip.is_ipv4() => std::net::Ipv4Addr::LOCALHOST.into(),
        _ => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    let endpoint = format!("http://{}", SocketAddr::new(host, main.port()));
    Function { endpoint: Some(endpoint), ..function }
}

/// How long calls in flight may take at a stop. A second Ctrl-C does not wait for it.
pub fn drain_timeout(functions: &[Function]) -> Duration {
    let longest = |function: &Function| {
        let initializer = function.initializer.as_ref().map_or(Duration::ZERO, |hook| hook.timeout);
        function.timeout + initializer
    };
    functions.iter().map(longest).max().unwrap_or_default() + DRAIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_reaches_the_api_on_this_machine() {
        for (main, wanted) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:8080", "http://[::1]:8080"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("192.168.1.5:8080", "http://192.168.1.5:8080"),
        ] {
            let function = at_endpoint(Function::example(), main.parse().expect("an address"));
            assert_eq!(function.endpoint.as_deref(), Some(wanted), "{main}");
        }
    }

    #[test]
    fn a_stop_waits_for_the_longest_call_of_all_functions() {
        let lasting = |seconds| Function { timeout: Duration::from_secs(seconds), ..Function::example() };
        let functions = [lasting(3), lasting(60), lasting(5)];
        assert_eq!(drain_timeout(&functions), Duration::from_secs(70));
    }
}
