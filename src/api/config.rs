//! What can be set, each option with its default once, and by which variable of the environment.

use crate::api::Error;
use crate::environment::{Invalid, Variables};
use crate::http1::Limits;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The platform's default for `customRuntimeConfig.port`.
const DEFAULT_PORT: u16 = 9000;

/// How a [`Server`](crate::Server) behaves. The defaults are for a server inside a program of your
/// own; [`from_env`](ServerConfig::from_env) has those for a process on the platform.
///
/// ```
/// use fc_runtime::ServerConfig;
/// use std::time::Duration;
///
/// let config = ServerConfig::default()
///     .address(([127, 0, 0, 1], 0).into())
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
    pub(crate) hooks: bool,
    pub(crate) marks: bool,
    pub(crate) health_path: Option<String>,
    pub(crate) environment: bool,
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
            hooks: true,
            marks: false,
            health_path: None,
            environment: false,
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
    /// | `HOOKS` | [`hooks`](Self::hooks) | `on` |
    /// | `LIFECYCLE_MARKS` | [`marks`](Self::marks) | `on` |
    /// | `HEALTH_PATH` | [`health_path`](Self::health_path) | none |
    /// | `HEAD_TIMEOUT`, `BODY_TIMEOUT`, `WRITE_TIMEOUT` | the option of that name, in seconds | 30 |
    /// | `IDLE_TIMEOUT` | [`idle_timeout`](Self::idle_timeout), in seconds | off |
    /// | `DRAIN_TIMEOUT` | [`drain_timeout`](Self::drain_timeout), in seconds | 25; 9 when `K_SERVICE` is set |
    /// | `MAX_WORKERS`, `MAX_CONNECTIONS`, `MAX_BODY` | the option of that name | 256, 50000, 33554432 |
    ///
    /// An empty variable counts as absent. [`Context`](crate::Context) then also falls back on the
    /// platform's variables (`FC_FUNCTION_NAME` and so on) where a request has no header.
    ///
    /// # Errors
    /// [`Error::Environment`] for the first variable whose value means nothing.
    pub fn from_env() -> Result<ServerConfig, Error> {
        ServerConfig::from_variables(&Variables::of_process())
    }

    fn from_variables(variables: &Variables<'_>) -> Result<ServerConfig, Error> {
        let defaults = ServerConfig::default();
        let limits = defaults.limits;
        // Cloud Run kills ten seconds after SIGTERM.
        let drain = if variables.text("K_SERVICE").is_some() { 9 } else { 25 };
        Ok(ServerConfig {
            address: SocketAddr::new(defaults.address.ip(), port(variables)?),
            max_workers: variables.number("MAX_WORKERS")?.unwrap_or(defaults.max_workers),
            max_connections: variables.number("MAX_CONNECTIONS")?.unwrap_or(defaults.max_connections),
            limits: Limits {
                max_body: variables.number("MAX_BODY")?.map_or(limits.max_body, |limit| limit as u64),
                head_timeout: variables.seconds("HEAD_TIMEOUT")?.unwrap_or(limits.head_timeout),
                body_timeout: variables.seconds("BODY_TIMEOUT")?.unwrap_or(limits.body_timeout),
                idle_timeout: variables.seconds("IDLE_TIMEOUT")?,
            },
            write_timeout: variables.seconds("WRITE_TIMEOUT")?.unwrap_or(defaults.write_timeout),
            drain_timeout: variables.seconds("DRAIN_TIMEOUT")?.unwrap_or(Duration::from_secs(drain)),
            hooks: variables.switch("HOOKS")?.unwrap_or(true),
            marks: variables.switch("LIFECYCLE_MARKS")?.unwrap_or(true),
            health_path: variables.path("HEALTH_PATH")?,
            environment: true,
        })
    }

    /// Where to listen. Default 0.0.0.0:9000, as the platform requires; port 0 picks a free one.
    pub fn address(self, address: SocketAddr) -> ServerConfig {
        ServerConfig { address, ..self }
    }

    /// How many invocations run at once; more wait their turn. Default 256: the platform sends at
    /// most 200 to an instance.
    pub fn max_workers(self, max_workers: usize) -> ServerConfig {
        ServerConfig { max_workers: max_workers.max(1), ..self }
    }

    /// How many connections are open at once; beyond it the longest-idle one makes room, and without one new
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

    /// How long requests in flight may take to finish once the server is stopped. Default 25 s:
    /// Kubernetes kills after 30.
    pub fn drain_timeout(self, drain_timeout: Duration) -> ServerConfig {
        ServerConfig { drain_timeout, ..self }
    }

    /// Whether the platform's hooks are served. Default on. Off, for a server that anyone can
    /// reach: every request is an HTTP invocation, and no `x-fc-` header is trusted.
    pub fn hooks(self, hooks: bool) -> ServerConfig {
        ServerConfig { hooks, ..self }
    }

    /// Whether the platform's Start and End lines are printed to standard output. Default off;
    /// from the environment on.
    pub fn marks(self, marks: bool) -> ServerConfig {
        ServerConfig { marks, ..self }
    }

    /// A path whose GET is answered without the function: 200, or 503 while stopping. Default none.
    pub fn health_path(self, health_path: impl Into<String>) -> ServerConfig {
        ServerConfig { health_path: Some(health_path.into()), ..self }
    }
}

/// The base images set FC_SERVER_PORT to 9000 whatever the configured port is, so it comes second.
fn port(variables: &Variables<'_>) -> Result<u16, Error> {
    for name in ["FC_CUSTOM_LISTEN_PORT", "FC_SERVER_PORT", "PORT"] {
        if let Some(port) = variables.port(name)? {
            return Ok(port);
        }
    }
    Ok(DEFAULT_PORT)
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Error {
        let Invalid { variable, value, expected } = invalid;
        Error::Environment { variable, value, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<ServerConfig, String> {
        let look_up =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
        ServerConfig::from_variables(&Variables::of_test(&look_up)).map_err(|error| error.to_string())
    }

    #[test]
    fn without_variables_the_defaults_hold() {
        let config = config(&[]).unwrap();
        assert_eq!(config.address, ([0, 0, 0, 0], 9000).into());
        assert_eq!((config.hooks, config.marks, config.limits.idle_timeout), (true, true, None));
        assert_eq!(config.drain_timeout, Duration::from_secs(25));
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
        assert_eq!(drain(&[("K_SERVICE", "x"), ("DRAIN_TIMEOUT", "1.5")]), Duration::from_millis(1500));
    }

    #[test]
    fn the_first_variable_that_means_nothing_is_named() {
        let error = config(&[("MAX_WORKERS", "auto"), ("HEAD_TIMEOUT", "1s")]).unwrap_err();
        assert_eq!(error, "MAX_WORKERS=\"auto\": expected a whole number from 1");
        let error = config(&[("HEAD_TIMEOUT", "1s")]).unwrap_err();
        assert_eq!(error, "HEAD_TIMEOUT=\"1s\": expected seconds above 0, such as 25 or 0.5");
    }
}
