//! What can be set, each option with its default once, and by which variable of the environment.

use crate::api::Error;
use crate::contain::report;
use crate::environment::{Invalid, Variables, for_each_with_prefix, path};
use crate::http1::Limits;
use crate::sync::STACK_SIZE;
use log::Level;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The platform's default for `customRuntimeConfig.port`.
const DEFAULT_PORT: u16 = 9000;

/// Cloud Run kills ten seconds after SIGTERM.
const CLOUD_RUN_DRAIN: Duration = Duration::from_secs(9);

/// How a [`Server`](crate::Server) behaves. The defaults are for a server inside a program of your
/// own; [`from_env`](ServerConfig::from_env) has those for a process on the platform.
///
/// ```
/// use fc_runtime::ServerConfig;
/// use std::time::Duration;
///
/// let config = ServerConfig::default()
///     .address(([127, 0, 0, 1], 0))
///     .drain_timeout(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(crate) address: SocketAddr,
    pub(crate) max_workers: usize,
    pub(crate) max_connections: usize,
    pub(crate) limits: Limits,
    pub(crate) write_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) idle_grace: Duration,
    pub(crate) hooks: bool,
    pub(crate) stack_size: usize,
    pub(crate) lifecycle_lines: bool,
    pub(crate) health_path: Option<String>,
    pub(crate) metrics_path: Option<MetricsPath>,
    pub(crate) environment: bool,
    invalid: Option<Invalid>,
}

/// A path, and what it was set by.
#[derive(Clone, Debug)]
pub(crate) struct MetricsPath {
    name: &'static str,
    pub path: String,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), DEFAULT_PORT),
            max_workers: ServerConfig::DEFAULT_MAX_WORKERS,
            max_connections: 50_000,
            limits: Limits {
                max_body: 32 * 1024 * 1024,
                head_timeout: Duration::from_secs(30),
                body_timeout: Duration::from_secs(30),
                idle_timeout: None,
            },
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(25),
            idle_grace: Duration::from_millis(500),
            hooks: true,
            stack_size: STACK_SIZE,
            lifecycle_lines: false,
            health_path: None,
            metrics_path: None,
            environment: false,
            invalid: None,
        }
    }
}

impl ServerConfig {
    /// Above the platform's most requests at once.
    pub(crate) const DEFAULT_MAX_WORKERS: usize = 256;

    /// The configuration of a process on the platform:
    ///
    /// | variable | option | default |
    /// |---|---|---|
    /// | `FC_CUSTOM_LISTEN_PORT`, else `FC_SERVER_PORT`, else `PORT` | port, on 0.0.0.0 | 9000 |
    /// | `FCRT_HOOKS` | [`hooks`](Self::hooks): `on`, `true`, `1`, `yes`, or `off`, `false`, `0`, `no` | `on` |
    /// | `FCRT_LIFECYCLE_LINES` | [`lifecycle_lines`](Self::lifecycle_lines), likewise | `on` |
    /// | `FCRT_HEALTH_PATH`, `FCRT_METRICS_PATH` | the option of that name | none |
    /// | `FCRT_HEAD_TIMEOUT`, `FCRT_BODY_TIMEOUT`, `FCRT_WRITE_TIMEOUT` | the option of that name, in seconds | 30 |
    /// | `FCRT_IDLE_TIMEOUT` | [`idle_timeout`](Self::idle_timeout), in seconds | off |
    /// | `FCRT_DRAIN_TIMEOUT` | [`drain_timeout`](Self::drain_timeout), in seconds | 25; 9 when `K_SERVICE` is set |
    /// | `FCRT_IDLE_GRACE` | [`idle_grace`](Self::idle_grace), in seconds, 0 for none | 0.5 |
    /// | `FCRT_MAX_WORKERS`, `FCRT_MAX_CONNECTIONS` | the option of that name | 256, 50000 |
    /// | `FCRT_MAX_BODY`, `FCRT_STACK_SIZE` | the option of that name, in bytes | 33554432, 8388608 |
    ///
    /// Those of the log are [`logger::init`](crate::logger::init)'s.
    ///
    /// An empty variable counts as absent. One with the prefix `FCRT_` that is not listed is a warning in the
    /// log, as soon as the server has nothing to do. [`Context`](crate::Context) then also falls back on the platform's variables (`FC_FUNCTION_NAME`
    /// and so on) where a request has no header. What is set in code afterwards wins.
    ///
    /// The first variable whose value means nothing is reported when the configuration is used:
    /// [`Server::bind`](crate::Server::bind) returns [`Error::InvalidOption`], [`serve`](crate::serve) ends the
    /// process with code 2.
    pub fn from_env() -> ServerConfig {
        ServerConfig::from_variables(&Variables::of_process())
    }

    /// Logs the variables that look like options and are none.
    pub(crate) fn warn_of_unknown_variables(before_each: impl Fn()) {
        for_each_with_prefix(PREFIX, |name| {
            if !OPTIONS.contains(&name) {
                before_each();
                report!(Level::Warn, "{name} is unknown; nearest: {}", nearest(name));
            }
        });
    }

    fn from_variables(variables: &Variables<'_>) -> ServerConfig {
        let mut config = ServerConfig { lifecycle_lines: true, environment: true, ..ServerConfig::default() };
        config.invalid = config.read(variables).err();
        config
    }

    fn read(&mut self, variables: &Variables<'_>) -> Result<(), Invalid> {
        self.address.set_port(port(variables)?);
        set(&mut self.max_workers, variables.number("FCRT_MAX_WORKERS")?);
        set(&mut self.max_connections, variables.number("FCRT_MAX_CONNECTIONS")?);
        set(&mut self.limits.max_body, variables.number("FCRT_MAX_BODY")?.map(|limit| limit as u64));
        set(&mut self.limits.head_timeout, variables.seconds("FCRT_HEAD_TIMEOUT")?);
        set(&mut self.limits.body_timeout, variables.seconds("FCRT_BODY_TIMEOUT")?);
        self.limits.idle_timeout = variables.seconds("FCRT_IDLE_TIMEOUT")?;
        set(&mut self.write_timeout, variables.seconds("FCRT_WRITE_TIMEOUT")?);
        if variables.text("K_SERVICE").is_some() {
            self.drain_timeout = CLOUD_RUN_DRAIN;
        }
        set(&mut self.drain_timeout, variables.seconds("FCRT_DRAIN_TIMEOUT")?);
        set(&mut self.idle_grace, variables.seconds_or_0("FCRT_IDLE_GRACE")?);
        set(&mut self.stack_size, variables.number("FCRT_STACK_SIZE")?.map(stack_size_within_bounds));
        set(&mut self.hooks, variables.switch("FCRT_HOOKS")?);
        set(&mut self.lifecycle_lines, variables.switch("FCRT_LIFECYCLE_LINES")?);
        self.health_path = variables.path("FCRT_HEALTH_PATH")?;
        let name = "FCRT_METRICS_PATH";
        self.metrics_path = variables.path(name)?.map(|path| MetricsPath { name, path });
        Ok(())
    }

    /// What is wrong with the variables that it was read from, or with options together.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        match self.invalid.take().or_else(|| self.contradiction()) {
            Some(Invalid { name, value, expected }) => Err(Error::InvalidOption { name, value, expected }),
            None => Ok(()),
        }
    }

    fn contradiction(&self) -> Option<Invalid> {
        let MetricsPath { name, path } = self.metrics_path.as_ref()?;
        let expected = if self.hooks {
            "hooks off beside it (FCRT_HOOKS=off): on the platform any client could read the metrics"
        } else if self.health_path.as_ref() == Some(path) {
            "another path than that of the health probes"
        } else {
            return None;
        };
        Some(Invalid { name, value: path.clone(), expected })
    }

    /// Where to listen, such as `([127, 0, 0, 1], 8080)`. Default 0.0.0.0:9000, as the platform requires;
    /// port 0 picks a free one.
    pub fn address(self, address: impl Into<SocketAddr>) -> ServerConfig {
        ServerConfig { address: address.into(), ..self }
    }

    /// How many invocations run at once, at least one; more wait their turn. Default 256: the platform sends at
    /// most 200 to an instance.
    ///
    /// With 1 (the platform's own default for an instance) a [process](crate::serve) makes no second thread before the
    /// first invocation is answered: health probes wait for it, and so does the first signal to stop,
    /// whatever [`drain_timeout`](Self::drain_timeout) says.
    pub fn max_workers(self, max_workers: usize) -> ServerConfig {
        ServerConfig { max_workers: max_workers.max(1), ..self }
    }

    /// How many connections are open at once, at least one; beyond it the longest-idle one makes room, and without one new
    /// connections wait in the system's queue. Default 50,000: half of the descriptors the platform allows.
    pub fn max_connections(self, max_connections: usize) -> ServerConfig {
        ServerConfig { max_connections: max_connections.max(1), ..self }
    }

    /// The largest request body in bytes; a larger one is refused with 413. Default 32 MiB, the
    /// platform's limit for a synchronous call.
    pub fn max_body(self, max_body: u64) -> ServerConfig {
        ServerConfig { limits: Limits { max_body, ..self.limits }, ..self }
    }

    /// How long a request's head may take from its first byte. Default 30 s, as hyper.
    pub fn head_timeout(self, head_timeout: Duration) -> ServerConfig {
        ServerConfig { limits: Limits { head_timeout, ..self.limits }, ..self }
    }

    /// How long a request body may stall, from one byte to the next. Default 30 s (nginx: 60 s).
    pub fn body_timeout(self, body_timeout: Duration) -> ServerConfig {
        ServerConfig { limits: Limits { body_timeout, ..self.limits }, ..self }
    }

    /// How long the peer may take no byte of a response. Default 30 s (nginx: 60 s).
    pub fn write_timeout(self, write_timeout: Duration) -> ServerConfig {
        ServerConfig { write_timeout, ..self }
    }

    /// How long a connection may be idle between requests. Default never: a gateway that reuses a
    /// connection which the server has just closed answers its caller with 502.
    pub fn idle_timeout(self, idle_timeout: Option<Duration>) -> ServerConfig {
        ServerConfig { limits: Limits { idle_timeout, ..self.limits }, ..self }
    }

    /// How long requests in flight may take to finish once the server is stopped. `pre_stop` then has what is left of
    /// it, 3 s in any case, so that a stop takes up to 4 s longer. Default 25 s: Kubernetes kills after 30.
    pub fn drain_timeout(self, drain_timeout: Duration) -> ServerConfig {
        ServerConfig { drain_timeout, ..self }
    }

    /// How long a connection that is idle when the server is stopped is kept for one more request, which is answered with
    /// `Connection: close`. A proxy that keeps connections sends it before it can know of the stop, and would answer
    /// its own caller with 502 if the connection were closed at once. A stop takes so much longer while there are such
    /// connections, within [`drain_timeout`](Self::drain_timeout). Default 0.5 s.
    pub fn idle_grace(self, idle_grace: Duration) -> ServerConfig {
        ServerConfig { idle_grace, ..self }
    }

    /// Whether the platform's hooks are served. Default on. Off, for a server that anyone can
    /// reach: every request is an HTTP invocation, and no `x-fc-` header is trusted.
    pub fn hooks(self, hooks: bool) -> ServerConfig {
        ServerConfig { hooks, ..self }
    }

    /// Whether the platform's lines `FC Invoke Start RequestId: …` and `… End …` are printed to standard
    /// output, by which its console finds a call in the log. Default off; from the environment on.
    pub fn lifecycle_lines(self, lifecycle_lines: bool) -> ServerConfig {
        ServerConfig { lifecycle_lines, ..self }
    }

    /// The stack of every thread that runs the function's code, in bytes. Default 8 MiB, what a main thread
    /// has on most systems, from 128 KiB to 1 GiB; it is reserved, and only what is used takes memory. The main thread's own is the
    /// system's (`ulimit -s`): when that is smaller, [`serve`](crate::serve) runs no code of the function on it.
    pub fn stack_size(self, stack_size: usize) -> ServerConfig {
        ServerConfig { stack_size: stack_size_within_bounds(stack_size), ..self }
    }

    /// A path whose GET is answered without the function: 200, or 503 while stopping. Default none. One that no
    /// request can ask for, without a `/` at its start, is reported as a variable that means nothing is.
    pub fn health_path(mut self, health_path: impl Into<String>) -> ServerConfig {
        match path("health_path", health_path.into()) {
            Ok(path) => self.health_path = Some(path),
            Err(invalid) => self.invalid = self.invalid.or(Some(invalid)),
        }
        self
    }

    /// A path whose GET and HEAD are answered, without the function, with the server's [figures](crate::Stats) in Prometheus' text
    /// format, version 0.0.4. Default none. Knative and Kubernetes scrape it on the server's own port. It is refused, as
    /// an option that means nothing, unless [`hooks`](Self::hooks) are off: on the platform any client could read it. Where
    /// the port is everybody's too, a gateway has to keep the path to itself.
    ///
    /// | metric | type | of [`Stats`](crate::Stats) |
    /// |---|---|---|
    /// | `fcrt_requests_total` | counter | `requests` |
    /// | `fcrt_request_failures_total` | counter | `failures` |
    /// | `fcrt_refused_requests_total` | counter | `refused` |
    /// | `fcrt_requests_in_flight` | gauge | `in_flight` |
    /// | `fcrt_requests_queued` | gauge | `queued` |
    /// | `fcrt_threads` | gauge | `threads` |
    /// | `fcrt_connections` | gauge | `connections` |
    /// | `fcrt_received_bytes_total` | counter | `bytes_received` |
    /// | `fcrt_sent_bytes_total` | counter | `bytes_sent` |
    /// | `fcrt_request_duration_seconds` | histogram | `durations` |
    pub fn metrics_path(mut self, metrics_path: impl Into<String>) -> ServerConfig {
        let name = "metrics_path";
        match path(name, metrics_path.into()) {
            Ok(path) => self.metrics_path = Some(MetricsPath { name, path }),
            Err(invalid) => self.invalid = self.invalid.or(Some(invalid)),
        }
        self
    }
}

/// The base images set FC_SERVER_PORT to 9000 whatever the configured port is, so it comes second.
const PORTS: [&str; 3] = ["FC_CUSTOM_LISTEN_PORT", "FC_SERVER_PORT", "PORT"];

fn port(variables: &Variables<'_>) -> Result<u16, Invalid> {
    for name in PORTS {
        if let Some(port) = variables.port(name)? {
            return Ok(port);
        }
    }
    Ok(DEFAULT_PORT)
}

/// The variable that sets the port, unless the address is the code's own.
pub(crate) fn port_variable(address: SocketAddr) -> Option<&'static str> {
    let variables = Variables::of_process();
    let address_of_variables = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port(&variables).ok()?);
    let is_set = |name: &&str| variables.text(name).is_some();
    (address == address_of_variables).then(|| PORTS.into_iter().find(is_set).unwrap_or("PORT"))
}

fn set<T>(option: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *option = value;
    }
}

/// At least what the code around the function's own takes several times over, at most what a system may give.
fn stack_size_within_bounds(stack_size: usize) -> usize {
    stack_size.clamp(128 * 1024, 1024 * 1024 * 1024)
}

/// Options start with it, since a function's own variables are in the same environment.
const PREFIX: &str = "FCRT_";

/// All of them; the format of the log is its logger's.
const OPTIONS: [&str; 15] = [
    "FCRT_BODY_TIMEOUT",
    "FCRT_DRAIN_TIMEOUT",
    "FCRT_HEAD_TIMEOUT",
    "FCRT_HEALTH_PATH",
    "FCRT_HOOKS",
    "FCRT_IDLE_GRACE",
    "FCRT_IDLE_TIMEOUT",
    "FCRT_LIFECYCLE_LINES",
    "FCRT_LOG_FORMAT",
    "FCRT_MAX_BODY",
    "FCRT_MAX_CONNECTIONS",
    "FCRT_MAX_WORKERS",
    "FCRT_METRICS_PATH",
    "FCRT_STACK_SIZE",
    "FCRT_WRITE_TIMEOUT",
];

/// The one that has most of its beginning and its end in common with the name: a distance of edits would find no
/// better one among so few, and is a kilobyte in every binary.
fn nearest(name: &str) -> &'static str {
    let common = |pairs: &mut dyn Iterator<Item = (u8, u8)>| pairs.take_while(|(a, b)| a == b).count();
    let likeness = |option: &&&str| {
        common(&mut name.bytes().zip(option.bytes()))
            + common(&mut name.bytes().rev().zip(option.bytes().rev()))
    };
    OPTIONS.iter().max_by_key(likeness).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn config(variables: &[(&str, &str)]) -> Result<ServerConfig, String> {
        let look_up =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
        let mut config = ServerConfig::from_variables(&Variables::of_test(&look_up));
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn without_variables_the_defaults_hold() {
        let config = config(&[]).unwrap();
        assert_eq!(config.address, ([0, 0, 0, 0], 9000).into());
        assert_eq!((config.hooks, config.lifecycle_lines, config.limits.idle_timeout), (true, true, None));
        assert_eq!((config.drain_timeout, config.stack_size), (Duration::from_secs(25), 8 << 20));
    }

    #[test]
    fn the_first_port_that_is_set_counts() {
        let names = [("PORT", "3"), ("FC_SERVER_PORT", "2"), ("FC_CUSTOM_LISTEN_PORT", "1")];
        for (count, port) in [(1, 3), (2, 2), (3, 1)] {
            assert_eq!(config(&names[..count]).unwrap().address.port(), port);
        }
        assert_eq!(config(&[("FC_SERVER_PORT", ""), ("PORT", "3")]).unwrap().address.port(), 3);
    }

    #[test]
    fn cloud_run_drains_in_nine_seconds_unless_told_otherwise() {
        let drain = |variables: &[(&str, &str)]| config(variables).unwrap().drain_timeout;
        assert_eq!(drain(&[("K_SERVICE", "x")]), Duration::from_secs(9));
        assert_eq!(drain(&[("K_SERVICE", "x"), ("FCRT_DRAIN_TIMEOUT", "1.5")]), Duration::from_millis(1500));
    }

    #[test]
    fn the_first_variable_that_means_nothing_is_named_whatever_is_set_in_code() {
        let error = config(&[("FCRT_MAX_WORKERS", "auto"), ("FCRT_HEAD_TIMEOUT", "1s")]).unwrap_err();
        assert_eq!(error, "FCRT_MAX_WORKERS=\"auto\": expected a whole number from 1");
        let look_up = |name: &str| (name == "FCRT_HEAD_TIMEOUT").then(|| "1s".into());
        let config = ServerConfig::from_variables(&Variables::of_test(&look_up));
        let error = config.max_workers(8).check().unwrap_err().to_string();
        assert_eq!(error, "FCRT_HEAD_TIMEOUT=\"1s\": expected seconds above 0, such as 25 or 0.5");
    }

    #[test]
    fn a_functions_own_variables_are_not_ours() {
        let own = [("MAX_WORKERS", "auto"), ("HOOKS", "https://a/b"), ("DRAIN_TIMEOUT", "never")];
        assert_eq!(config(&own).unwrap().max_workers, ServerConfig::DEFAULT_MAX_WORKERS);
    }

    #[test]
    fn the_list_of_options_is_what_is_read() {
        let read = RefCell::new(Vec::new());
        let look_up = |name: &str| {
            read.borrow_mut().push(name.to_owned());
            None
        };
        ServerConfig::from_variables(&Variables::of_test(&look_up)).check().unwrap();
        let mut read = read.into_inner();
        read.retain(|name| name.starts_with(PREFIX));
        read.push("FCRT_LOG_FORMAT".into()); // by the logger
        read.sort();
        assert_eq!(read, OPTIONS);
    }

    #[test]
    fn metrics_are_not_for_the_platforms_clients_and_have_a_path_of_their_own() {
        let metrics = ("FCRT_METRICS_PATH", "/metrics");
        let error = config(&[metrics]).unwrap_err();
        assert!(error.starts_with("FCRT_METRICS_PATH=\"/metrics\": expected hooks off beside it"), "{error}");
        let config_with = config(&[metrics, ("FCRT_HOOKS", "off"), ("FCRT_HEALTH_PATH", "/health")]).unwrap();
        assert_eq!(config_with.metrics_path.unwrap().path, "/metrics");
        let error = config(&[metrics, ("FCRT_HOOKS", "off"), ("FCRT_HEALTH_PATH", "/metrics")]).unwrap_err();
        assert!(error.contains("expected another path"), "{error}");
        let set = |hooks| ServerConfig::default().metrics_path("/metrics").hooks(hooks).check();
        assert!(set(false).is_ok(), "in either order");
        assert!(set(true).unwrap_err().to_string().starts_with("metrics_path=\"/metrics\": "));
        let error = ServerConfig::default().hooks(false).metrics_path("metrics").check().unwrap_err();
        assert_eq!(error.to_string(), "metrics_path=\"metrics\": expected a path that starts with /");
    }

    #[test]
    fn an_option_that_there_is_none_of_leads_to_the_nearest() {
        for (name, option) in [
            ("FCRT_MAX_WORKER", "FCRT_MAX_WORKERS"),
            ("FCRT_HOOK", "FCRT_HOOKS"),
            ("FCRT_LIFECYCLE_MARKS", "FCRT_LIFECYCLE_LINES"),
            ("FCRT_DRIAN_TIMEOUT", "FCRT_DRAIN_TIMEOUT"),
            ("FCRT_HEALTHPATH", "FCRT_HEALTH_PATH"),
            ("FCRT_WORKERS", "FCRT_MAX_WORKERS"),
        ] {
            assert_eq!(nearest(name), option, "{name}");
        }
    }
}
