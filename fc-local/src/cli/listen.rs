//! Where do callers connect when nobody has said where, and may it be where they said? Never where a function listens.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Result, anyhow, bail};

use super::values::{LISTEN_PORT, Listen};

/// How many ports are tried from the usual one on.
const TRIES: u16 = 100;

/// A function's configured port.
pub struct FunctionPort<'a> {
    pub name: &'a str,
    pub port: u16,
}

/// What is bound, and why it is not the usual address.
pub struct Bound<T> {
    pub server: T,
    pub note: Option<String>,
}

/// Refuses an address that was asked for and is a function's.
pub fn check(listen: Option<&Listen>, functions: &[FunctionPort<'_>]) -> Result<()> {
    let Some(Listen { address, .. }) = listen else { return Ok(()) };
    if let Some(function) = functions.iter().find(|function| function.port == address.port()) {
        bail!(
            "--listen {address}: the function '{}' listens on port {} itself; choose another port for callers with --listen, or for the function with --port",
            function.name,
            function.port
        );
    }
    Ok(())
}

/// Binds with `bind` where callers are to connect: at `listen`, or at the first port from the usual one on that is
/// neither a function's nor taken.
pub fn bind<T, E: Display>(
    listen: Option<&Listen>,
    functions: &[FunctionPort<'_>],
    bind: impl Fn(SocketAddr) -> Result<T, E>,
) -> Result<Bound<T>> {
    check(listen, functions)?;
    let failed = |error: E| anyhow!("{error}; choose another address with --listen");
    if let Some(listen) = listen {
        return Ok(Bound { server: bind(listen.address).map_err(failed)?, note: None });
    }
    let owner = functions.iter().find(|function| function.port == LISTEN_PORT);
    let reason = match owner {
        Some(function) => format!("the function's own ('{}')", function.name),
        None => "taken by another program".to_owned(),
    };
    let mut first_error = None;
    for port in LISTEN_PORT..LISTEN_PORT + TRIES {
        if functions.iter().any(|function| function.port == port) {
            continue;
        }
        match bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)) {
            Ok(server) => {
                let note = (port != LISTEN_PORT).then(|| {
                    format!(
                        "port {LISTEN_PORT} is {reason}: callers connect to port {port}; --listen chooses"
                    )
                });
                return Ok(Bound { server, note });
            }
            Err(error) => drop(first_error.get_or_insert(error)),
        }
    }
    match first_error {
        Some(error) => Err(failed(error)),
        None => bail!("there is no port left for callers; choose one with --listen"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(port: u16) -> FunctionPort<'static> {
        FunctionPort { name: "shop", port }
    }

    /// Binds at the first port of `free`.
    fn bound(free: &[u16], functions: &[FunctionPort<'_>]) -> Result<(u16, Option<String>)> {
        let is_free = |address: SocketAddr| match free.contains(&address.port()) {
            true => Ok(address.port()),
            false => Err("taken"),
        };
        bind(None, functions, is_free).map(|Bound { server, note }| (server, note))
    }

    #[test]
    fn the_usual_port_is_left_to_the_function_and_to_who_has_it() {
        let found = |free: &[u16], functions: &[FunctionPort<'_>]| bound(free, functions).expect("a port");
        assert_eq!(found(&[8080, 8081], &[function(9000)]), (8080, None));
        let (port, note) = found(&[8080, 8081], &[function(8080)]);
        assert_eq!(port, 8081);
        assert_eq!(
            note.as_deref(),
            Some("port 8080 is the function's own ('shop'): callers connect to port 8081; --listen chooses")
        );
        let (port, note) = found(&[8082, 8083], &[function(8082), function(9000)]);
        assert_eq!(port, 8083);
        assert!(note.is_some_and(|note| note.starts_with("port 8080 is taken by another program: ")));
        let error = bound(&[], &[]).expect_err("nothing is free").to_string();
        assert_eq!(error, "taken; choose another address with --listen");
    }

    #[test]
    fn an_address_that_was_asked_for_is_taken_or_refused() {
        let listen = |port| Listen { address: SocketAddr::from(([127, 0, 0, 1], port)), name: None };
        let error = check(Some(&listen(9000)), &[function(9000)]).expect_err("the function's").to_string();
        assert!(error.contains("--listen") && error.contains("--port"), "{error}");
        assert!(
            check(Some(&listen(9001)), &[function(9000)]).is_ok() && check(None, &[function(8080)]).is_ok()
        );
        let at = |address: SocketAddr| -> Result<u16, &str> { Ok(address.port()) };
        let bound = bind(Some(&listen(9001)), &[], at).expect("a port");
        assert_eq!((bound.server, bound.note), (9001, None));
    }
}
