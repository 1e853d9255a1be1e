//! Where is the console of `start`? At the address that was asked for; else at the usual one or the next that is free, and when
//! none is, nowhere: what a run does not need never stops it. What the console shows is not known here.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use fc_runtime::Error;

use super::args::StartArgs;
use super::values::CONSOLE_PORT;
use crate::console::Console;
use crate::function::Function;
use crate::record::Recorder;

/// How many ports are tried from the usual one on.
const TRIES: u16 = 100;

/// A console that listens, or none, and what is to be said of that.
pub struct Found {
    pub console: Option<Console>,
    pub recorder: Arc<Recorder>,
    pub note: Option<String>,
}

pub fn bind(args: &StartArgs, functions: &[Function]) -> Result<Found> {
    if args.no_console {
        return Ok(Found { console: None, recorder: Recorder::off(), note: None });
    }
    let recorder = Recorder::on();
    let bind = |address| Console::bind(address, &recorder);
    if let Some(address) = args.console {
        let console = bind(address).map_err(|error| {
            anyhow!("the console {error}; choose another address with --console, or --no-console")
        })?;
        return Ok(Found { console: Some(console), recorder, note: None });
    }
    let is_functions = |port: u16| functions.iter().any(|function| function.port == port);
    let (found, note) = first_free(is_functions, bind);
    let recorder = if found.is_some() { recorder } else { Recorder::off() };
    Ok(Found { console: found, recorder, note })
}

/// The first address from the usual one on that can be bound and is none of a function's, and what is to be said.
fn first_free<T>(
    is_functions: impl Fn(u16) -> bool,
    bind: impl Fn(SocketAddr) -> Result<T, Error>,
) -> (Option<T>, Option<String>) {
    let mut failed = None;
    for port in (CONSOLE_PORT..CONSOLE_PORT + TRIES).filter(|port| !is_functions(*port)) {
        match bind(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)) {
            Ok(console) if port == CONSOLE_PORT => return (Some(console), None),
            Ok(console) => {
                let note = format!(
                    "port {CONSOLE_PORT} is taken: the console is at port {port}, which 'fc-local status' and 'logs' have to be told with --console {port}"
                );
                return (Some(console), Some(note));
            }
            Err(error) => failed = Some(error),
        }
    }
    let why = failed.map_or_else(String::new, |error| format!(": {error}"));
    (None, Some(format!("there is no console{why}; choose an address with --console, or --no-console")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(free: &[u16], functions: &[u16]) -> (Option<u16>, Option<String>) {
        first_free(
            |port| functions.contains(&port),
            |address| match free.contains(&address.port()) {
                true => Ok(address.port()),
                false => Err(Error::Bind { address, source: std::io::ErrorKind::AddrInUse.into() }),
            },
        )
    }

    #[test]
    fn the_usual_port_or_the_next_that_is_free_and_nobody_elses() {
        assert_eq!(found(&[9080, 9081], &[]), (Some(9080), None));
        let (port, note) = found(&[9080, 9081, 9082], &[9080, 9081]);
        assert_eq!(port, Some(9082));
        assert!(note.is_some_and(|note| note.contains("--console 9082")));
        let (port, note) = found(&[8000], &[]);
        assert_eq!(port, None);
        assert!(
            note.is_some_and(
                |note| note.starts_with("there is no console: ") && note.contains("--no-console")
            )
        );
    }
}
