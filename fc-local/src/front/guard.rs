//! Which calls are a web page's that has no business here? A browser on this machine reaches the listen address
//! for any page that it shows. A page under a name that leads here by DNS rebinding names a host that is not
//! ours; a page of another site says so in `Origin` and `Sec-Fetch-Site`. What a call does is not known here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fc_runtime::Request;

use super::failure::{CallKind, Failure};

/// What containers call the machine they run on: names that no public DNS has.
const MACHINE_NAMES: [&str; 2] = ["host.docker.internal", "host.containers.internal"];

/// The longest name (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;

/// The names under which callers may reach the server.
pub struct Guard {
    listen: IpAddr,
    /// In lower case; `*.` stands for any name below.
    names: Vec<String>,
}

/// What a request says of where it goes and where it comes from.
#[derive(Default)]
pub struct Claims<'a> {
    pub hosts: Vec<&'a [u8]>,
    pub origins: Vec<&'a [u8]>,
    pub sites: Vec<&'a [u8]>,
}

#[derive(Debug, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

impl<'a> Claims<'a> {
    /// Both the target's host and the field `Host` count where they differ. Without either, as HTTP/1.0 allows,
    /// the caller is no browser.
    pub fn of(request: &Request<'a>) -> Claims<'a> {
        let mut claims = Claims::default();
        claims.hosts.extend(request.header("host").map(str::as_bytes));
        for (name, value) in request.headers() {
            match name {
                _ if name.eq_ignore_ascii_case("host") => claims.hosts.push(value),
                _ if name.eq_ignore_ascii_case("origin") => claims.origins.push(value),
                _ if name.eq_ignore_ascii_case("sec-fetch-site") => claims.sites.push(value),
                _ => {}
            }
        }
        claims
    }
}

impl Guard {
    /// For a server at the address `listen`, of a machine called `machine`, and with `names` of its own.
    pub fn new(listen: IpAddr, machine: &str, names: impl IntoIterator<Item = String>) -> Guard {
        let mut names: Vec<String> = names.into_iter().map(|name| name.to_ascii_lowercase()).collect();
        if !listen.to_canonical().is_loopback() {
            names.extend(MACHINE_NAMES.map(str::to_owned));
            if let Some(Host::Name(machine)) = Host::of(machine) {
                names.push(format!("{machine}.local"));
                names.push(machine);
            }
        }
        Guard { listen: listen.to_canonical(), names }
    }

    /// Refuses the call of a web page: of one that got here by a name that is not ours, and for the InvokeFunction
    /// API of any that is not ours. `domains` are the function's.
    pub fn check(&self, kind: CallKind, claims: &Claims<'_>, domains: &[String]) -> Result<(), Failure> {
        for host in &claims.hosts {
            let text = String::from_utf8_lossy(host);
            let is_ours = match Host::of(&text) {
                Some(host) => self.is_ours(&host, domains) || kind == CallKind::Event && host.is_endpoint(),
                None => false,
            };
            if !is_ours {
                return refused(
                    &format!("the host '{text}' is none that this server knows itself by"),
                    &text,
                );
            }
        }
        if kind == CallKind::Http {
            return Ok(());
        }
        for origin in &claims.origins {
            let text = String::from_utf8_lossy(origin);
            let authority = text.strip_prefix("http://").or(text.strip_prefix("https://"));
            if !authority.and_then(Host::of).is_some_and(|host| self.is_ours(&host, domains)) {
                let what = format!("a web page of '{text}' may not call the InvokeFunction API");
                return refused(&what, authority.unwrap_or_default());
            }
        }
        for site in &claims.sites {
            let is_ours = match *site {
                b"same-origin" | b"none" => true,
                b"same-site" => !claims.origins.is_empty(), // which is ours
                _ => false,
            };
            if !is_ours {
                return refused("a web page of another site may not call the InvokeFunction API", "");
            }
        }
        Ok(())
    }

    fn is_ours(&self, host: &Host, domains: &[String]) -> bool {
        match host {
            // A name can lead anywhere, an address only to its machine; which ones are this one's is not known
            // when it listens on all of them.
            Host::Ip(ip) => ip.is_loopback() || *ip == self.listen || self.listen.is_unspecified(),
            Host::Name(name) => {
                let is = |own: &String| match own.strip_prefix('*') {
                    Some(parent) => name.len() > parent.len() && name.ends_with(parent),
                    None => own == name,
                };
                name == "localhost"
                    || name.ends_with(".localhost")
                    || self.names.iter().any(is)
                    || domains.iter().map(|domain| domain.to_ascii_lowercase()).any(|domain| is(&domain))
            }
        }
    }
}

/// With the option that lets the call in, when there is a name for it.
fn refused(what: &str, authority: &str) -> Result<(), Failure> {
    let advice = match Host::of(authority) {
        Some(Host::Name(name)) => format!("; fc-local start --allow-host {name} lets it in"),
        Some(Host::Ip(_)) => {
            "; fc-local start --listen 0.0.0.0 serves other addresses of this machine".to_owned()
        }
        None => "; fc-local start --allow-host NAME names others".to_owned(),
    };
    Err(Failure::Forbidden(format!("{what}{advice}")))
}

/// The name of `host[:port]`, in lower case and without the root's dot; `None` when it is an address.
pub fn name_of(authority: &str) -> Option<String> {
    match Host::of(authority)? {
        Host::Name(name) => Some(name),
        Host::Ip(_) => None,
    }
}

/// Whether `text` can be a name of the server: a host without a port, after `*.` of any below it.
pub fn is_name(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    matches!(Host::of(name), Some(Host::Name(_))) && !name.contains(':') && !name.ends_with('.')
}

impl Host {
    /// The host of `host[:port]`, whatever its case and with or without the root's dot.
    fn of(authority: &str) -> Option<Host> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(literal) => {
                let (address, rest) = literal.split_once(']')?;
                let address: Ipv6Addr = address.parse().ok()?;
                (Host::Ip(IpAddr::from(address).to_canonical()), rest)
            }
            None => {
                let end = authority.find(':').unwrap_or(authority.len());
                let (name, rest) = authority.split_at_checked(end)?;
                (Host::of_name(name)?, rest)
            }
        };
        let is_port = |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
        (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(host)
    }

    fn of_name(text: &str) -> Option<Host> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return Some(Host::Ip(address.into()));
        }
        let is_label = |label: &str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !label.is_empty() && label.bytes().all(is_part)
        };
        (name.len() <= MAX_NAME && name.split('.').all(is_label)).then_some(Host::Name(name))
    }

    /// Whether it is the vendor's own endpoint, which an SDK client names that is led here by a proxy or by
    /// /etc/hosts. Its DNS is the vendor's.
    fn is_endpoint(&self) -> bool {
        match self {
            Host::Name(name) => {
                name.ends_with(".fc.aliyuncs.com")
                    || name.starts_with("fcv3.") && name.ends_with(".aliyuncs.com")
            }
            Host::Ip(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "127.0.0.1";

    fn guard(listen: &str) -> Guard {
        let names = ["Mine.Example", "*.dev.example"].map(str::to_owned);
        Guard::new(listen.parse().expect("an address"), "laptop", names)
    }

    fn verdict(listen: &str, kind: CallKind, claims: &Claims<'_>) -> Result<(), String> {
        let domains = ["shop.example.com".to_owned(), "*.wild.example".to_owned()];
        guard(listen).check(kind, claims, &domains).map_err(|failure| failure.to_string())
    }

    fn takes_host(listen: &str, kind: CallKind, host: &str) -> bool {
        verdict(listen, kind, &Claims { hosts: vec![host.as_bytes()], ..Claims::default() }).is_ok()
    }

    #[test]
    fn loopback_is_known_by_all_its_names_in_any_spelling() {
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "localhost:8080",
            "LocalHost.:1",
            "localhost:",
            "a.b.localhost",
            "a.localhost.",
            "127.0.0.1",
            "127.0.0.1:8080",
            "127.9.8.7",
            "127.0.0.1.",
            "[::1]",
            "[::1]:8080",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]:1",
        ] {
            for kind in [CallKind::Http, CallKind::Event] {
                assert!(takes_host(LOOPBACK, kind, host), "{host}");
                assert!(takes_host("::1", kind, host) && takes_host("0.0.0.0", kind, host), "{host}");
            }
        }
    }

    #[test]
    fn names_of_options_and_template_are_known() {
        for host in [
            "mine.example",
            "MINE.example.:80",
            "a.dev.example",
            "a.b.dev.example",
            "shop.example.com",
            "x.wild.example",
        ] {
            assert!(takes_host(LOOPBACK, CallKind::Http, host), "{host}");
        }
        for host in ["dev.example", "xdev.example", "a.mine.example", ".dev.example"] {
            assert!(!takes_host(LOOPBACK, CallKind::Http, host), "{host}");
        }
    }

    #[test]
    fn any_other_host_is_refused_with_the_option_that_lets_it_in() {
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "localhost..",
            ".localhost",
            "",
            ":80",
            "localhost:80x",
            "localhost:123456",
            "localhost:80:80",
            "user@localhost",
            "localhost@evil.example",
            "localhost/",
            "localhost evil",
            "localhost,evil.example",
            "localhost\\",
            "loc%61lhost",
            "[::1",
            "::1",
            "[::1]x",
            "[::2]",
            "[fe80::1%25eth0]",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
            "0177.0.0.1",
            "0.0.0.0",
            "[::]",
            "192.168.1.5",
            "10.0.0.1:8080",
            "laptop",
            "host.docker.internal",
            "localhost\0",
            "lo\u{441}alhost",
        ] {
            for kind in [CallKind::Http, CallKind::Event] {
                assert!(!takes_host(LOOPBACK, kind, host), "{host:?}");
            }
        }
        let evil = Claims { hosts: vec![b"Evil.example:8080"], ..Claims::default() };
        let error = verdict(LOOPBACK, CallKind::Http, &evil).expect_err("refused");
        assert!(
            error.contains("'Evil.example:8080'") && error.contains("--allow-host evil.example"),
            "{error}"
        );
        let two = Claims { hosts: vec![b"localhost", b"evil.example"], ..Claims::default() };
        assert!(verdict(LOOPBACK, CallKind::Http, &two).is_err(), "target and Host differ");
        assert_eq!(verdict(LOOPBACK, CallKind::Event, &Claims::default()), Ok(()), "HTTP/1.0 without Host");
    }

    #[test]
    fn beyond_loopback_the_machine_is_known_by_its_addresses_and_names() {
        for host in [
            "0.0.0.0:8080",
            "192.168.1.5",
            "[2001:db8::1]:80",
            "laptop",
            "Laptop.local",
            "host.docker.internal",
        ] {
            assert!(
                takes_host("0.0.0.0", CallKind::Http, host) && takes_host("::", CallKind::Event, host),
                "{host}"
            );
        }
        assert!(!takes_host("0.0.0.0", CallKind::Http, "evil.example"));
        assert!(takes_host("192.168.1.5", CallKind::Http, "192.168.1.5:80"));
        assert!(!takes_host("192.168.1.5", CallKind::Http, "192.168.1.6:80"));
    }

    #[test]
    fn the_vendors_endpoints_are_hosts_of_the_api_alone() {
        for host in [
            "123.cn-hangzhou.fc.aliyuncs.com",
            "123.cn-hangzhou-internal.fc.aliyuncs.com",
            "fcv3.cn-x.aliyuncs.com",
        ] {
            assert!(
                takes_host(LOOPBACK, CallKind::Event, host) && !takes_host(LOOPBACK, CallKind::Http, host),
                "{host}"
            );
        }
        for host in
            ["fc.aliyuncs.com.evil.example", "evil.oss-cn-hangzhou.aliyuncs.com", "evilfc.aliyuncs.com"]
        {
            assert!(!takes_host(LOOPBACK, CallKind::Event, host), "{host}");
        }
    }

    #[test]
    fn pages_of_others_may_not_call_the_api() {
        let check = |kind, origins: &[&'static str], sites: &[&'static str]| {
            let bytes = |texts: &[&'static str]| texts.iter().map(|text| text.as_bytes()).collect();
            let claims =
                Claims { hosts: vec![b"localhost:8080"], origins: bytes(origins), sites: bytes(sites) };
            verdict(LOOPBACK, kind, &claims)
        };
        for (origins, sites) in [
            (&[][..], &[][..]),
            (&[], &["none"]),
            (&["http://localhost:8080"], &["same-origin"]),
            (&["http://localhost:3000"], &["same-site"]),
            (&["http://127.0.0.1:3000"], &[]),
            (&["https://app.localhost"], &[]),
            (&["http://[::1]:3000"], &[]),
            (&["https://shop.example.com"], &[]),
            (&["http://mine.example"], &[]),
        ] {
            assert_eq!(check(CallKind::Event, origins, sites), Ok(()), "{origins:?} {sites:?}");
        }
        for (origins, sites) in [
            (&["https://evil.example"][..], &[][..]),
            (&["null"], &[]),
            (&[""], &[]),
            (&["http://localhost.evil.example"], &[]),
            (&["http://localhost@evil.example"], &[]),
            (&["http://localhost:8080/"], &[]),
            (&["http://localhost http://evil.example"], &[]),
            (&["http://localhost", "http://evil.example"], &[]),
            (&["file://"], &[]),
            (&["chrome-extension://abc"], &[]),
            (&["localhost"], &[]),
            (&["https://123.cn-hangzhou.fc.aliyuncs.com"], &[]),
            (&["http://localhost:8080"], &["cross-site"]),
            (&[], &["cross-site"]),
            (&[], &["same-site"]),
            (&[], &["none", "cross-site"]),
            (&[], &["Same-Origin"]),
        ] {
            let error = check(CallKind::Event, origins, sites).expect_err("refused");
            assert!(error.contains("--allow-host"), "{error}");
            assert_eq!(check(CallKind::Http, origins, sites), Ok(()), "an HTTP trigger is for pages too");
        }
    }

    #[test]
    fn a_name_is_a_host_without_a_port() {
        assert!(["a", "a.example", "*.example", "A_b.Example"].iter().all(|name| is_name(name)));
        let wrong =
            ["", "*", "*.", "a:80", "http://a", "a/b", "a b", "127.0.0.1", "[::1]", "a.", "a.*", "é", "a\n"];
        assert!(wrong.iter().all(|name| !is_name(name)));
    }
}
