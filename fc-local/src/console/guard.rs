//! Which requests to the console are a web page's that is not its own? A browser on this machine reaches it for any page
//! that it shows, and the console can run functions and has what they print. So a request has to name one of its own
//! authorities, which no page has that got here by DNS rebinding; and no page but its own may send one, or link to it. What
//! a request asks for is not known here.

use std::net::SocketAddr;

use fc_runtime::Request;

use super::refusal::Refusal;
use crate::front::guard::Claims;

/// The authorities of the console, in lower case; the first is the one that it listens on.
pub struct Guard(Vec<String>);

impl Guard {
    pub fn new(address: SocketAddr) -> Guard {
        let port = address.port();
        let names = ["localhost", "127.0.0.1", "[::1]"];
        let mut all = vec![address.to_string()];
        all.extend(names.map(|name| format!("{name}:{port}")));
        if port == 80 {
            all.extend(names.map(str::to_owned));
        }
        Guard(all)
    }

    /// Refuses a request that is not for the console, or not from its own page or a program.
    pub fn check(&self, request: &Request<'_>) -> Result<(), Refusal> {
        self.judge(&Claims::of(request))
    }

    fn judge(&self, claims: &Claims<'_>) -> Result<(), Refusal> {
        let is_own =
            |authority: &[u8]| self.0.iter().any(|own| authority.eq_ignore_ascii_case(own.as_bytes()));
        if claims.hosts.is_empty() || !claims.hosts.iter().all(|host| is_own(host)) {
            let own = self.0.first().map_or("", String::as_str);
            return Err(Refusal::new(
                403,
                format!("the console is http://{own}/ and answers to no other host"),
            ));
        }
        let is_own_origin = |origin: &&[u8]| origin.strip_prefix(b"http://").is_some_and(is_own);
        let is_own_site = |site: &&[u8]| matches!(*site, b"same-origin" | b"none");
        if !claims.origins.iter().all(is_own_origin) || !claims.sites.iter().all(is_own_site) {
            let text = "another web page may not call the console, nor lead to it: open its address yourself";
            return Err(Refusal::new(403, text));
        }
        Ok(())
    }
}

/// Refuses a request that changes something and has a type that a form of another page can send, without asking for
/// leave first.
pub fn check_type(content_type: Option<&str>) -> Result<(), Refusal> {
    let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    match media_type.trim().eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => {
            Err(Refusal::new(415, "a request that changes something has the content type application/json"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(hosts: &[&'static str], origins: &[&'static str], sites: &[&'static str]) -> u16 {
        let bytes = |texts: &[&'static str]| texts.iter().map(|text| text.as_bytes()).collect();
        let claims = Claims { hosts: bytes(hosts), origins: bytes(origins), sites: bytes(sites) };
        let guard = Guard::new(([127, 0, 0, 1], 9080).into());
        guard.judge(&claims).map_or_else(|refusal| refusal.status, |()| 200)
    }

    #[test]
    fn the_console_answers_to_its_own_authorities_alone() {
        for host in ["127.0.0.1:9080", "localhost:9080", "LOCALHOST:9080", "[::1]:9080"] {
            assert_eq!(verdict(&[host], &[], &[]), 200, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9080",
            "localhost",
            "127.0.0.1",
            "127.0.0.1:9081",
            "localhost:90800",
            "localhost:9080.evil.example",
            "localhost.:9080",
            "a.localhost:9080",
            "127.0.0.1:9080@evil.example",
            "127.1:9080",
            "0.0.0.0:9080",
            "[::ffff:127.0.0.1]:9080",
            "",
            " localhost:9080",
        ] {
            assert_eq!(verdict(&[host], &[], &[]), 403, "{host:?}");
        }
        assert_eq!(verdict(&[], &[], &[]), 403, "without a host");
        assert_eq!(verdict(&["localhost:9080", "evil.example"], &[], &[]), 403, "target and Host differ");
        assert!(Guard::new(([127, 9, 8, 7], 80).into()).0.contains(&"127.9.8.7:80".to_owned()));
        assert!(Guard::new(([127, 0, 0, 1], 80).into()).0.contains(&"localhost".to_owned()));
    }

    #[test]
    fn whoever_is_refused_is_told_where_the_console_is() {
        for (address, wanted) in [
            ("127.0.0.1:9080", "http://127.0.0.1:9080/"),
            ("127.9.8.7:1", "http://127.9.8.7:1/"),
            ("[::1]:9080", "http://[::1]:9080/"),
        ] {
            let claims = Claims { hosts: vec![b"evil.example"], ..Claims::default() };
            let guard = Guard::new(address.parse().expect("an address"));
            let refusal = guard.judge(&claims).expect_err(address);
            assert!(refusal.text.contains(wanted), "{}", refusal.text);
        }
    }

    #[test]
    fn no_page_but_its_own_calls_it() {
        let host = &["127.0.0.1:9080"][..];
        for (origins, sites) in [
            (&[][..], &[][..]),
            (&["http://127.0.0.1:9080"], &["same-origin"]),
            (&["http://localhost:9080"], &[]),
            (&[], &["none"]),
        ] {
            assert_eq!(verdict(host, origins, sites), 200, "{origins:?} {sites:?}");
        }
        for (origins, sites) in [
            (&["https://evil.example"][..], &[][..]),
            (&["http://127.0.0.1:8080"], &["same-site"]),
            (&["https://127.0.0.1:9080"], &[]),
            (&["http://127.0.0.1:9080/"], &[]),
            (&["http://127.0.0.1:9080", "http://evil.example"], &[]),
            (&["null"], &[]),
            (&[""], &[]),
            (&[], &["cross-site"]),
            (&[], &["same-site"]),
            (&[], &["none", "cross-site"]),
        ] {
            assert_eq!(verdict(host, origins, sites), 403, "{origins:?} {sites:?}");
        }
    }

    #[test]
    fn what_changes_something_has_a_type_that_no_form_sends() {
        for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
            assert_eq!(check_type(Some(content_type)), Ok(()), "{content_type}");
        }
        for content_type in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/jsonp"),
            Some(""),
        ] {
            assert_eq!(check_type(content_type).expect_err("it is refused").status, 415, "{content_type:?}");
        }
    }
}
