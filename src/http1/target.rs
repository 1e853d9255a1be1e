//! The request target (RFC 9112 section 3.2): which of its forms it is, and where its path and query lie.

use super::reject::Reject;
use std::net::Ipv6Addr;

/// RFC 9112 section 3 asks for at least 8000 bytes; nginx and Apache stop near 8 KiB too.
pub(super) const MAX_TARGET: usize = 8 * 1024;

/// Start and end within bytes that are fewer than 65,536: a head goes from hand to hand, so its parts are small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span(pub u16, pub u16);

impl Span {
    /// Of a head or a target within its limit.
    pub(super) fn new(start: usize, end: usize) -> Span {
        Span(start as u16, end as u16)
    }

    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.0 as usize..self.1 as usize).unwrap_or_default()
    }
}

/// Where the parts of a target are in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TargetParts {
    /// Where an absolute-form target names its authority; it wins over Host.
    pub authority: Option<Span>,
    /// Empty for an absolute-form target without a path: that means `/`.
    pub path: Span,
    pub query: Option<Span>,
}

/// Finds the parts of `target`, or refuses it.
pub(super) fn parse_target(method: &str, target: &str) -> Result<TargetParts, Reject> {
    if method == "CONNECT" {
        return Err(Reject::Method);
    }
    if target.len() > MAX_TARGET {
        return Err(Reject::TargetTooLong);
    }
    // A fragment is never sent (RFC 9110 section 7.1), and a target is ASCII (RFC 3986).
    if !target.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        return Err(Reject::Target);
    }
    if target.starts_with('/') {
        return Ok(path_and_query(target, 0));
    }
    if target == "*" && method == "OPTIONS" {
        return Ok(TargetParts { path: Span(0, 1), ..TargetParts::default() });
    }
    absolute_form(target)
}

fn absolute_form(target: &str) -> Result<TargetParts, Reject> {
    let behind = |scheme: &str| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let rest = behind("http://").or_else(|| behind("https://")).ok_or(Reject::Target)?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if !is_host(authority.as_bytes()) {
        return Err(Reject::Target);
    }
    let start = target.len() - rest.len();
    let end = start + authority.len();
    Ok(TargetParts { authority: Some(Span::new(start, end)), ..path_and_query(target, end) })
}

fn path_and_query(target: &str, start: usize) -> TargetParts {
    match target.get(start..).and_then(|rest| rest.find('?')) {
        Some(at) => TargetParts {
            authority: None,
            path: Span::new(start, start + at),
            query: Some(Span::new(start + at + 1, target.len())),
        },
        None => TargetParts { authority: None, path: Span::new(start, target.len()), query: None },
    }
}

/// `uri-host [ ":" port ]` and nothing else: no userinfo, no path, no list (RFC 9110 section 7.2).
pub(super) fn is_host(host: &[u8]) -> bool {
    let colon = host.iter().rposition(|&b| b == b':');
    let (name, port) = match colon.and_then(|at| host.split_at_checked(at)) {
        Some((name, [_, port @ ..])) if !port.contains(&b']') => (name, Some(port)),
        _ => (host, None),
    };
    let name_is_valid = match name {
        [b'[', inner @ .., b']'] => is_ip_literal(inner),
        _ => !name.is_empty() && is_reg_name(name),
    };
    name_is_valid && port.is_none_or(|port| port.iter().all(u8::is_ascii_digit))
}

/// RFC 3986 section 3.2.2; nobody has ever defined a version of IPvFuture.
fn is_ip_literal(literal: &[u8]) -> bool {
    std::str::from_utf8(literal).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// RFC 3986 section 3.2.2 without the comma, which would make a list of it.
fn is_reg_name(mut name: &[u8]) -> bool {
    loop {
        name = match name {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            [b, rest @ ..] if b.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(b) => rest,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(target: &str) -> (Option<&str>, &str, Option<&str>) {
        let p = parse_target("GET", target).unwrap();
        let cut = |span: Span| std::str::from_utf8(span.of(target.as_bytes())).unwrap();
        (p.authority.map(cut), cut(p.path), p.query.map(cut))
    }

    #[test]
    fn origin_form_has_a_path_and_perhaps_a_query() {
        assert_eq!(parts("/"), (None, "/", None));
        assert_eq!(parts("/a/b?c=d?e"), (None, "/a/b", Some("c=d?e")));
        assert_eq!(parts("/a?"), (None, "/a", Some("")));
    }

    #[test]
    fn absolute_form_names_its_authority() {
        assert_eq!(parts("http://h:8/a?b"), (Some("h:8"), "/a", Some("b")));
        assert_eq!(parts("HTTP://h"), (Some("h"), "", None));
        assert_eq!(parts("https://[::1]:9?q"), (Some("[::1]:9"), "", Some("q")));
    }

    #[test]
    fn other_targets_are_refused() {
        for target in ["a", "*", "ftp://h/", "http://", "http:///a", "http://u@h/", "/a#b", "/\u{e9}"] {
            assert_eq!(parse_target("GET", target), Err(Reject::Target), "{target}");
        }
        assert_eq!(parse_target("CONNECT", "h:1"), Err(Reject::Method));
        let long = format!("/{}", "a".repeat(MAX_TARGET));
        assert_eq!(parse_target("GET", &long), Err(Reject::TargetTooLong));
    }

    #[test]
    fn the_asterisk_is_for_options_alone() {
        assert!(parse_target("OPTIONS", "*").is_ok());
        assert_eq!(parse_target("POST", "*"), Err(Reject::Target));
    }

    #[test]
    fn a_host_is_a_name_and_a_port() {
        for host in [
            "h%41",
            "[2001:db8::1.2.3.4]",
            "h",
            "h:80",
            "127.0.0.1:9000",
            "[::1]",
            "[::1]:80",
            "a-b.c_d",
            "h:",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "%zz",
            "h%4",
            "[::zz]",
            "[1.2.3.4]",
            "[v1.a]",
            "",
            ":80",
            "a b",
            "a,b",
            "u@h",
            "h/p",
            "h?q",
            "h#f",
            "h:8x",
            "[::1",
            "[]",
            "a\\b",
            "h:1:2",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
