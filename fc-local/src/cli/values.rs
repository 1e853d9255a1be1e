//! Values of the command line, from text. Which option takes which is not known here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use crate::front::guard;
use crate::function::{MEMORY, MEMORY_STEP, header_text};
use crate::instance::Isolate;
use crate::log::LogTime;

/// `20s`, `500ms`, `15m`, `1h`; a bare number is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u32 =
        number.parse().map_err(|_| format!("'{text}' is not a time such as 500ms, 20s or 15m"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number.into())),
        "" | "s" => Ok(Duration::from_secs(number.into())),
        "m" => Ok(Duration::from_secs(u64::from(number) * 60)),
        "h" => Ok(Duration::from_secs(u64::from(number) * 3600)),
        _ => Err(format!("'{unit}' is not a unit; ms, s, m and h are")),
    }
}

/// A [`duration`] from `LOW` to `HIGH` seconds.
pub fn duration_within<const LOW: u64, const HIGH: u64>(text: &str) -> Result<Duration, String> {
    let value = duration(text)?;
    if value < Duration::from_secs(LOW) || value > Duration::from_secs(HIGH) {
        return Err(format!("the platform allows {LOW} to {HIGH} seconds"));
    }
    Ok(value)
}

/// Where a server listens, and the name that it was given by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    pub address: SocketAddr,
    pub name: Option<String>,
}

/// The port that is listened at when none is named.
pub const LISTEN_PORT: u16 = 8080;

/// `127.0.0.1:8080`, `localhost:8080`; a bare port is on loopback, a bare address has the usual port.
pub fn address(text: &str) -> Result<Listen, String> {
    let at = |ip: IpAddr, port| Listen { address: SocketAddr::new(ip, port), name: None };
    if let Ok(port) = text.parse() {
        return Ok(at(Ipv4Addr::LOCALHOST.into(), port));
    }
    if let Ok(ip) = text.parse() {
        return Ok(at(ip, LISTEN_PORT));
    }
    let mut found = text
        .to_socket_addrs()
        .map_err(|_| format!("'{text}' is not an address such as 127.0.0.1:8080, localhost:8080 or 8080"))?;
    let address = found.next().ok_or_else(|| format!("'{text}' has no address"))?;
    let name = text.rsplit_once(':').map(|(name, _)| name.to_owned()).filter(|name| guard::is_name(name));
    Ok(Listen { address, name })
}

/// The port of the console when none is named.
pub const CONSOLE_PORT: u16 = 9080;

/// What says where the console is, unless an option does.
pub const CONSOLE_VARIABLE: &str = "FC_LOCAL_CONSOLE";

/// An address of this machine alone; a bare port is on 127.0.0.1.
pub fn console_address(text: &str) -> Result<SocketAddr, String> {
    let address = match text.parse::<IpAddr>() {
        Ok(ip) => SocketAddr::new(ip, CONSOLE_PORT),
        Err(_) => address(text)?.address,
    };
    if !address.ip().to_canonical().is_loopback() {
        return Err(format!(
            "whoever reaches the console can run the functions and read what they print: it is on loopback alone, as in \
             127.0.0.1:{CONSOLE_PORT}; from another machine, forward the port: ssh -L {0}:127.0.0.1:{0} HOST",
            address.port()
        ));
    }
    Ok(address)
}

/// A host name, or `*.` and one.
pub fn host_name(text: &str) -> Result<String, String> {
    if guard::is_name(text) {
        return Ok(text.to_owned());
    }
    Err("a host name such as app.example or *.app.example, without scheme and port".to_owned())
}

/// Requests at once per instance.
pub fn concurrency(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=200) => Ok(number),
        _ => Err("the platform allows 1 to 200".to_owned()),
    }
}

/// A memory size in MB.
pub fn memory(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(mb) if MEMORY.contains(&mb) && mb.is_multiple_of(MEMORY_STEP) => Ok(mb),
        Ok(_) => {
            let (least, most) = (MEMORY.start(), MEMORY.end());
            Err(format!("the platform allows {least} to {most}, in steps of {MEMORY_STEP}"))
        }
        Err(_) => Err("it is a number of MB, such as 512".to_owned()),
    }
}

/// `NAME=VALUE`; the value may hold more equals signs.
pub fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("'{text}' is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A shell of the platform's, by its name or its path.
pub fn shell(text: &str) -> Result<String, String> {
    let name = text.rsplit('/').next().unwrap_or(text);
    match name {
        "sh" | "bash" | "csh" | "zsh" => Ok(text.to_owned()),
        _ => Err("sh, bash, csh and zsh are the platform's".to_owned()),
    }
}

/// Whether processes have file systems of their own.
pub fn isolate(text: &str) -> Result<Isolate, String> {
    match text {
        "auto" => Ok(Isolate::Auto),
        "on" => Ok(Isolate::On),
        "off" => Ok(Isolate::Off),
        _ => Err("auto, on and off are the choice".to_owned()),
    }
}

/// The path of a request.
pub fn path(text: &str) -> Result<String, String> {
    header_text::check_path("a path", text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// A name of a clock.
pub fn log_time(text: &str) -> Result<LogTime, String> {
    match text {
        "utc" => Ok(LogTime::Utc),
        "local" => Ok(LogTime::Local),
        _ => Err("it is utc or local".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_without_one_is_seconds() {
        for (text, wanted) in [
            ("500ms", Duration::from_millis(500)),
            ("20s", Duration::from_secs(20)),
            ("20", Duration::from_secs(20)),
            ("15m", Duration::from_secs(900)),
            ("1h", Duration::from_secs(3600)),
            ("0s", Duration::ZERO),
        ] {
            assert_eq!(duration(text), Ok(wanted), "{text}");
        }
        for text in ["", "s", "+1s", "-1s", "1.5s", "1 s", "1d", "1S", "99999999999s"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_time_with_bounds_keeps_them() {
        assert!(duration_within::<1, 90>("1s").is_ok() && duration_within::<1, 90>("90s").is_ok());
        for text in ["999ms", "0", "90001ms", "2m"] {
            let error = duration_within::<1, 90>(text).expect_err(text);
            assert_eq!(error, "the platform allows 1 to 90 seconds");
        }
    }

    #[test]
    fn a_bare_port_is_on_loopback_and_a_bare_address_at_the_usual_port() {
        let found = |text: &str| address(text).map(|listen| (listen.address.to_string(), listen.name));
        for (text, wanted, name) in [
            ("8080", "127.0.0.1:8080", None),
            ("0.0.0.0:80", "0.0.0.0:80", None),
            ("0.0.0.0", "0.0.0.0:8080", None),
            ("::", "[::]:8080", None),
            ("[::1]:80", "[::1]:80", None),
        ] {
            assert_eq!(found(text), Ok((wanted.to_owned(), name)), "{text}");
        }
        assert!(
            matches!(address("localhost:80"), Ok(Listen { name: Some(name), .. }) if name == "localhost")
        );
        for text in ["", "80x", "65536", "127.0.0.1:", "127.0.0.1:x"] {
            assert!(address(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_console_is_on_loopback() {
        for (text, wanted) in [
            ("9081", "127.0.0.1:9081"),
            ("127.0.0.2", "127.0.0.2:9080"),
            ("::1", "[::1]:9080"),
            ("0", "127.0.0.1:0"),
        ] {
            assert_eq!(
                console_address(text).map(|address| address.to_string()),
                Ok(wanted.to_owned()),
                "{text}"
            );
        }
        for text in ["0.0.0.0:9080", "[::]:9080", "192.0.2.1:80", "192.0.2.1"] {
            let error = console_address(text).expect_err(text);
            assert!(error.contains("ssh -L"), "{error}");
        }
        assert!(console_address("x").is_err());
    }

    #[test]
    fn a_host_name_has_neither_scheme_nor_port() {
        assert!(["app.example", "*.app.example", "box"].iter().all(|text| host_name(text).is_ok()));
        assert!(["", "http://a", "a:80", "*", "127.0.0.1"].iter().all(|text| host_name(text).is_err()));
    }

    #[test]
    fn concurrency_is_the_platforms() {
        assert_eq!((concurrency("1"), concurrency("200")), (Ok(1), Ok(200)));
        assert!(["0", "201", "-1", "x"].iter().all(|text| concurrency(text).is_err()));
    }

    #[test]
    fn memory_is_in_mb_and_the_platforms() {
        assert_eq!((memory("128"), memory("32768")), (Ok(128), Ok(32768)));
        for text in ["64", "500", "32832"] {
            assert_eq!(memory(text), Err("the platform allows 128 to 32768, in steps of 64".to_owned()));
        }
        for text in ["512MB", "-1", ""] {
            assert_eq!(memory(text), Err("it is a number of MB, such as 512".to_owned()));
        }
    }

    #[test]
    fn a_variable_ends_its_name_at_the_first_equals_sign() {
        assert_eq!(variable("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(variable("A="), Ok(("A".to_owned(), String::new())));
        assert!(variable("A").is_err());
    }

    #[test]
    fn shells_are_known_by_their_name_wherever_they_are() {
        assert!(["sh", "/bin/bash", "/usr/bin/zsh", "csh"].iter().all(|text| shell(text).is_ok()));
        assert!(["fish", "/bin/sh/", "python3"].iter().all(|text| shell(text).is_err()));
    }

    #[test]
    fn a_path_begins_with_a_slash() {
        assert!(path("/health?x").is_ok() && path("health").is_err() && path("/a b").is_err());
    }
}
