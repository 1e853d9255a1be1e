//! The functions that `start` serves, from the start of their platforms to their close. How callers reach them is not known
//! here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::args::StartArgs;
use super::{debug, load};
use crate::front::Gateway;
use crate::function::{Function, Project};
use crate::instance::Debugging;
use crate::log::Log;
use crate::scaling::{Platform, WhenFull};

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
            let start = || drop(platform.scaler.acquire(WhenFull::Refuse, &|| false));
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

/// What a changed configuration is used for.
pub struct Reload {
    pub platforms: Vec<Arc<Platform>>,
    pub gateway: Arc<Gateway>,
    /// Where the API is.
    pub main: SocketAddr,
    pub log: Arc<Log>,
}

impl Reload {
    /// The functions that are served go on as the changed configuration says; a function that is new, and one that is
    /// gone, need a restart.
    pub fn reload(&self, project: Project) {
        let Project { functions, domains, .. } = project;
        let mut functions: Vec<Function> =
            functions.into_iter().map(|function| at_endpoint(function, self.main)).collect();
        if let ([platform], [_]) = (self.platforms.as_slice(), functions.as_slice()) {
            functions.drain(..).for_each(|function| platform.reload(function));
        } else {
            let restart = "stop fc-local and start it again";
            for platform in &self.platforms {
                let name = &platform.function().name;
                match functions.iter().position(|function| function.name == *name) {
                    Some(place) => platform.reload(functions.swap_remove(place)),
                    None => self.log.warn(
                        None,
                        &format!(
                            "{name} is no longer configured and is served as it was; to end that {restart}"
                        ),
                    ),
                }
            }
            for Function { name, .. } in &functions {
                self.log.warn(None, &format!("{name} is new and not served yet: {restart}"));
            }
        }
        self.gateway.set_domains(domains);
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
