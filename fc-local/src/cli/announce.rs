//! What does `start` say of what it serves? Addresses, and lines that can be pasted into a shell. Where anything is, is not
//! decided here.

use std::net::SocketAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::function::{CustomDomain, Function, Route};
use crate::function::{InitializerKind, executable};
use crate::instance::Debugging;
use crate::log::Log;

/// What a segment of a path has as it is (RFC 3986 section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A function and where its HTTP trigger is.
pub struct Place<'a> {
    pub function: &'a Function,
    pub address: SocketAddr,
}

/// Says where the functions are served, and what to type.
pub fn places(log: &Log, main: SocketAddr, places: &[Place<'_>], domains: &[CustomDomain]) {
    lines(main, places, domains).iter().for_each(|line| log.event(None, line));
    let triggers = places.iter().filter_map(|place| {
        let trigger = place.function.http_trigger.as_ref()?;
        Some((format!("the HTTP trigger of {}", place.function.name), &trigger.auth_type))
    });
    let domains = domains.iter().map(|domain| (domain.name.clone(), &domain.auth_type));
    for (whose, auth_type) in triggers.chain(domains).filter(|(_, auth_type)| is_asked_for(auth_type)) {
        log.warn(None, &format!("{whose} has authType {auth_type}: what callers show is not verified here"));
    }
}

/// Says where the console is.
pub fn console(log: &Log, address: Option<SocketAddr>) {
    if let Some(address) = address {
        log.event(None, &format!("what happens is shown on http://{address}/, the console"));
    }
}

/// Whether callers have to show something.
fn is_asked_for(auth_type: &str) -> bool {
    !auth_type.is_empty() && !auth_type.eq_ignore_ascii_case("anonymous")
}

/// Says who else can reach what is served: by choice the server, by the platform's contract the functions.
pub fn network(log: &Log, main: SocketAddr, ports: &[u16]) {
    if !main.ip().to_canonical().is_loopback() {
        log.warn(
            None,
            &format!("--listen {main}: whoever reaches this machine over the network can call what is served, without a key"),
        );
    }
    let whose = match ports {
        [port] => format!("port {port}, the function's own, is"),
        _ => "the functions' own ports are".to_owned(),
    };
    log.event(None, &format!("{whose} open to the network too: functions listen on 0.0.0.0"));
}

/// Says what keeps a function from being started, as far as that can be seen. It may be built yet.
pub fn faults(log: &Log, functions: &[Function], debugging: &Debugging) {
    for function in functions {
        let name = &function.name;
        if let Debugging::Below(words) = debugging
            && let Some(fault) = executable::fault(function, words)
        {
            log.warn(None, &format!("the debugger of {name} cannot start: {fault}; {}", fault.remedy()));
        }
        if let Some(fault) = executable::fault(function, &function.command) {
            log.warn(None, &format!("{name} cannot start as it is: {fault}; {}", fault.remedy()));
        }
        let initializer = function.initializer.as_ref().map(|initializer| &initializer.kind);
        if let Some(InitializerKind::Command(words)) = initializer
            && let Some(fault) = executable::fault(function, words)
        {
            log.warn(None, &format!("the Initializer of {name} cannot run: {fault}; {}", fault.remedy()));
        }
    }
}

fn lines(main: SocketAddr, places: &[Place<'_>], domains: &[CustomDomain]) -> Vec<String> {
    let mut lines = match places {
        [only] => {
            let name = &only.function.name;
            let mut lines = vec![format!("{name} is served on http://{main}/")];
            lines.extend(call_of_trigger(only).map(|call| format!("try: {call}")));
            lines.push(format!("or:  {}", invocation(main, name)));
            lines.extend(samples(main, only).map(|call| format!("or:  {call}")));
            lines
        }
        _ => several(main, places),
    };
    lines.extend(domains.iter().flat_map(|domain| calls_of_domain(main, domain, places)));
    lines
}

fn several(main: SocketAddr, places: &[Place<'_>]) -> Vec<String> {
    let mut lines = vec![format!("the API of {} functions is served on http://{main}/", places.len())];
    for place in places {
        let name = &place.function.name;
        lines.push(format!("{name} is on http://{}/", place.address));
        lines.extend(call_of_trigger(place).map(|call| format!("  {call}")));
        lines.push(format!("  {}", invocation(main, name)));
        lines.extend(samples(main, place).map(|call| format!("  {call}")));
    }
    lines
}

/// A call that the trigger takes; none where its own address is closed.
fn call_of_trigger(place: &Place<'_>) -> Option<String> {
    let Some(trigger) = &place.function.http_trigger else {
        return Some(format!("curl {}", url(place.address, "/")));
    };
    let (method, authorization) = (method(&trigger.methods), authorization(&trigger.auth_type));
    let call = format!("curl {method}{authorization}{}", url(place.address, "/"));
    (!trigger.disables_internet_url).then_some(call)
}

/// A method that is taken, as an option of curl.
fn method(taken: &[String]) -> String {
    match taken.first().map(String::as_str) {
        Some(_) if taken.iter().any(|method| method == "GET") => String::new(),
        Some("HEAD") => "-I ".to_owned(),
        Some(first) => format!("-X {} ", quoted(first)),
        None => String::new(),
    }
}

/// What a call has to show, as an option of curl.
fn authorization(auth_type: &str) -> &'static str {
    match auth_type.to_ascii_lowercase().as_str() {
        "function" => "-H 'Authorization: local' ",
        "bearer" => "-H 'Authorization: Bearer local' ",
        _ => "",
    }
}

fn invocation(main: SocketAddr, name: &str) -> String {
    format!("curl -d '{{}}' {}", url(main, &invocations(name)))
}

/// Where the API takes a function's events.
fn invocations(name: &str) -> String {
    format!("/2023-03-30/functions/{}/invocations", utf8_percent_encode(name, SEGMENT))
}

/// What sends the function a sample of each trigger that nothing here stands for.
fn samples(main: SocketAddr, place: &Place<'_>) -> impl Iterator<Item = String> {
    let url = url(main, &invocations(&place.function.name));
    let call = move |sample| format!("fc-local event {sample} | curl --data-binary @- {url}");
    place.function.samples().into_iter().map(call)
}

/// A call for each route of a domain that leads to one of the functions.
fn calls_of_domain(main: SocketAddr, domain: &CustomDomain, places: &[Place<'_>]) -> Vec<String> {
    let name = &domain.name;
    let header = quoted(&format!("Host: {}", name.replacen('*', "any", 1)));
    let authorization = authorization(&domain.auth_type);
    let call = |path: &str, methods: &[String]| {
        let path = path.strip_suffix('*').unwrap_or(path);
        format!("curl {}{authorization}-H {header} {}", method(methods), url(main, path))
    };
    match (domain.routes.as_slice(), places) {
        ([], [_]) => vec![format!("{name}: {}", call("/", &[]))],
        (routes, _) => {
            let is_served = |route: &&Route| places.iter().any(|place| place.function.name == route.function);
            let line = |route: &Route| {
                let Route { path, function, methods, .. } = route;
                format!("{name}{path} leads to {function}: {}", call(path, methods))
            };
            routes.iter().filter(is_served).map(line).collect()
        }
    }
}

/// As one word of a shell: the brackets of an IPv6 address are a pattern there, and for curl none.
fn url(address: SocketAddr, path: &str) -> String {
    quoted(&format!("http://{address}{path}"))
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| String::new(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::{HttpTrigger, Sender};

    fn trigger(methods: &[&str], auth_type: &str, disables_internet_url: bool) -> HttpTrigger {
        let methods = methods.iter().map(|method| (*method).to_owned()).collect();
        HttpTrigger {
            qualifier: "LATEST".to_owned(),
            name: "http".to_owned(),
            methods,
            auth_type: auth_type.to_owned(),
            disables_internet_url,
        }
    }

    fn call(http_trigger: Option<HttpTrigger>) -> Option<String> {
        let function = Function { http_trigger, ..Function::example() };
        call_of_trigger(&Place { function: &function, address: ([127, 0, 0, 1], 8081).into() })
    }

    #[test]
    fn the_call_is_one_that_the_trigger_takes() {
        let url = "http://127.0.0.1:8081/";
        for (http_trigger, wanted) in [
            (None, Some("curl ")),
            (Some(trigger(&[], "anonymous", false)), Some("curl ")),
            (Some(trigger(&["POST", "GET"], "anonymous", false)), Some("curl ")),
            (Some(trigger(&["POST"], "anonymous", false)), Some("curl -X POST ")),
            (Some(trigger(&["HEAD"], "anonymous", false)), Some("curl -I ")),
            (Some(trigger(&["GET"], "function", false)), Some("curl -H 'Authorization: local' ")),
            (Some(trigger(&["PUT"], "bearer", false)), Some("curl -X PUT -H 'Authorization: Bearer local' ")),
            (Some(trigger(&["GET"], "anonymous", true)), None),
        ] {
            assert_eq!(call(http_trigger), wanted.map(|begin| format!("{begin}{url}")));
        }
    }

    #[test]
    fn a_name_is_a_segment_of_a_url_that_no_shell_changes() {
        let main = ([127, 0, 0, 1], 8080).into();
        let ipv6 = invocation("[::1]:8080".parse().expect("an address"), "f");
        assert_eq!(ipv6, "curl -d '{}' 'http://[::1]:8080/2023-03-30/functions/f/invocations'");
        assert_eq!(
            invocation(main, "svc$f o'o"),
            "curl -d '{}' 'http://127.0.0.1:8080/2023-03-30/functions/svc%24f%20o%27o/invocations'"
        );
    }

    #[test]
    fn a_trigger_that_nothing_stands_for_has_a_line_that_sends_its_sample() {
        let sender = |(kind, sample): (&str, Option<&'static str>)| Sender {
            kind: kind.to_owned(),
            name: String::new(),
            sample,
        };
        let all =
            [("oss", Some("oss")), ("eventbridge", Some("kafka")), ("oss", Some("oss")), ("other", None)];
        let senders = all.map(sender).into();
        let function = Function { senders, ..Function::example() };
        let main = ([127, 0, 0, 1], 8080).into();
        let place = Place { function: &function, address: main };
        let lines = lines(main, &[place], &[]);
        let url = "http://127.0.0.1:8080/2023-03-30/functions/example/invocations";
        for sample in ["oss", "kafka"] {
            let line = format!("or:  fc-local event {sample} | curl --data-binary @- {url}");
            assert_eq!(lines.iter().filter(|it| **it == line).count(), 1, "{lines:?}");
        }
    }

    #[test]
    fn several_functions_have_an_address_each_and_a_domain_a_call_for_each_route() {
        let named = |name: &str| Function { name: name.to_owned(), ..Function::example() };
        let (a, b) = (named("a"), named("b"));
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let places =
            [Place { function: &a, address: address(8081) }, Place { function: &b, address: address(8082) }];
        let route = |path: &str, function: &str, methods: &[&str]| Route {
            path: path.to_owned(),
            function: function.to_owned(),
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            rewrites: Vec::new(),
        };
        let domain =
            |name: &str, routes| CustomDomain { name: name.to_owned(), auth_type: String::new(), routes };
        let domains = [
            domain("*.x.example", vec![route("/a/*", "a", &[]), route("/b", "b", &["POST"])]),
            domain("y.example", vec![route("/*", "elsewhere", &[])]),
            domain("own.example", Vec::new()),
        ];
        assert_eq!(
            lines(address(8080), &places, &domains),
            [
                "the API of 2 functions is served on http://127.0.0.1:8080/",
                "a is on http://127.0.0.1:8081/",
                "  curl http://127.0.0.1:8081/",
                "  curl -d '{}' http://127.0.0.1:8080/2023-03-30/functions/a/invocations",
                "b is on http://127.0.0.1:8082/",
                "  curl http://127.0.0.1:8082/",
                "  curl -d '{}' http://127.0.0.1:8080/2023-03-30/functions/b/invocations",
                "*.x.example/a/* leads to a: curl -H 'Host: any.x.example' http://127.0.0.1:8080/a/",
                "*.x.example/b leads to b: curl -X POST -H 'Host: any.x.example' http://127.0.0.1:8080/b",
            ]
        );
        assert_eq!(
            lines(address(8080), &places[..1], &domains).last().map(String::as_str),
            Some("own.example: curl -H 'Host: own.example' http://127.0.0.1:8080/"),
            "which leads to the only function"
        );
    }
}
