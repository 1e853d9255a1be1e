//! All functions of a template at once: their addresses, the API that serves them by name, their custom domains, and how
//! they end.

use std::net::SocketAddr;
use std::thread;

use serde_json::Value;

use crate::harness::{Fc, Said as _, start_with};
use support::{Client, Reply, Scratch, Signal, wait_until_gone};

/// Echoes what it is asked; the event `call NAME` calls that function through the API.
const ECHO: &str = r#"
import glob, http.server, json, os, time, urllib.request

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/pre-stop":
            open("stopping-" + os.environ["FC_FUNCTION_NAME"], "w").close()
            while len(glob.glob("stopping-*")) < int(os.environ.get("STOP_WITH", 1)):
                time.sleep(0.005)
            print("the last of " + os.environ["FC_FUNCTION_NAME"], flush=True)
        if body.startswith(b"call "):
            url = os.environ["FC_CLIENT_CUSTOM_ENDPOINT"] + "/2023-03-30/functions/" + body[5:].decode() + "/invocations"
            said = urllib.request.urlopen(urllib.request.Request(url, data=b"a sibling's event", method="POST")).read()
        else:
            said = json.dumps({
                "function": os.environ["FC_FUNCTION_NAME"], "method": self.command, "target": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()}, "body": body.decode(),
                "pid": os.getpid(), "port": os.environ["FC_CUSTOM_LISTEN_PORT"],
            }).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer

http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Handler).serve_forever()
"#;

/// A function of a template, with more of its fields.
pub fn resource(name: &str, props: &str) -> String {
    let props: String = props.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        "  {}:\n    component: fc3\n    props:\n      functionName: {name}\n      runtime: custom.debian12\n      code: ./code\n      customRuntimeConfig: {{command: [python3, app.py]}}\n{props}",
        name.replace('$', "-")
    )
}

pub fn template(resources: &[String]) -> String {
    format!("edition: 3.0.0\nresources:\n{}", resources.concat())
}

fn write(scratch: &Scratch, resources: &[String]) -> String {
    scratch.write("s.yaml", &template(resources))
}

/// Starts the functions of a template.
pub fn start(resources: &[String], arguments: &[&str]) -> Fc {
    start_code(ECHO, resources, arguments)
}

fn start_code(code: &str, resources: &[String], arguments: &[&str]) -> Fc {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("code")).expect("a directory");
    scratch.write("code/app.py", code);
    let path = write(&scratch, resources);
    start_with(scratch, &[&["-t", &path], arguments].concat(), &[])
}

fn two() -> [String; 2] {
    [resource("alpha", ""), resource("svc$beta", "")]
}

/// Where a function's HTTP trigger is.
pub fn address_of(fc: &Fc, name: &str) -> SocketAddr {
    let begin = format!("{name} is on http://");
    fc.find_in_log(&begin, |log| log.split(&begin).nth(1)?.split_once('/')?.0.parse().ok())
}

/// Sends a request to an address.
pub fn ask(address: SocketAddr, method: &str, target: &str, fields: &str, body: &str) -> Reply {
    let mut client = Client::connect(address);
    client.expects_no_body = method == "HEAD";
    let length = body.len();
    client.send(format!("{method} {target} HTTP/1.1\r\ncontent-length: {length}\r\n{fields}\r\n{body}"));
    client.reply()
}

fn get(address: SocketAddr, target: &str) -> Reply {
    ask(address, "GET", target, "host: localhost\r\n", "")
}

fn invoke(fc: &Fc, name: &str, event: &str) -> Reply {
    let target = format!("/2023-03-30/functions/{name}/invocations");
    ask(fc.address, "POST", &target, "host: localhost\r\n", event)
}

#[test]
fn each_function_is_served_by_name_and_on_an_address_of_its_own() {
    let fc = start(&two(), &[]);
    for (name, encoded) in [("alpha", "alpha"), ("svc$beta", "svc%24beta")] {
        let address = address_of(&fc, name);
        let seen = get(address, "/a?b").json();
        assert_eq!((seen["function"].as_str(), seen["target"].as_str()), (Some(name), Some("/a?b")));
        assert_eq!(seen["headers"]["x-fc-control-path"], "/http-invoke");
        let seen = invoke(&fc, encoded, "event").json();
        assert_eq!((seen["function"].as_str(), seen["body"].as_str()), (Some(name), Some("event")));
        assert_eq!(seen["headers"]["x-fc-function-name"], name);
        fc.wait_for_log(&format!("curl http://{address}/"));
        fc.wait_for_log(&format!("http://{}/2023-03-30/functions/{encoded}/invocations", fc.address));
    }
    let (status, code, _) = invoke(&fc, "gamma", "").system_error();
    assert_eq!((status, code.as_str()), (404, "FunctionNotFound"));
    // The main address is nobody's trigger.
    let (status, code, message) = get(fc.address, "/").system_error();
    assert_eq!((status, code.as_str()), (404, "DomainNameNotFound"));
    for name in ["alpha", "svc$beta"] {
        let place = format!("{name} is on http://{}/", address_of(&fc, name));
        assert!(message.contains(&place), "{message}");
    }
}

#[test]
fn functions_that_are_configured_for_one_port_start_at_the_same_time() {
    let fc = start(&[resource("a", ""), resource("b", ""), resource("c", "")], &[]);
    let ports: Vec<Value> = thread::scope(|scope| {
        let calls = ["a", "b", "c"].map(|name| {
            let fc = &fc;
            scope.spawn(move || {
                let reply = invoke(fc, name, "");
                assert_eq!(reply.status, 200, "{reply:?}");
                reply.json()["port"].clone()
            })
        });
        calls.into_iter().map(|call| call.join().expect("answered")).collect()
    });
    assert!(ports[0] != ports[1] && ports[1] != ports[2] && ports[0] != ports[2], "{ports:?}");
}

#[test]
fn a_function_calls_another_one_where_its_variable_says() {
    let fc = start(&two(), &["--timeout", "20s"]);
    let reply = invoke(&fc, "alpha", "call svc%24beta");
    let seen = reply.json();
    assert_eq!(
        (seen["function"].as_str(), seen["body"].as_str()),
        (Some("svc$beta"), Some("a sibling's event"))
    );
    let reply = ask(address_of(&fc, "svc$beta"), "POST", "/", "host: localhost\r\n", "call alpha");
    assert_eq!(reply.json()["function"], "alpha");
}

#[test]
fn one_of_the_functions_alone_is_served_as_the_only_one() {
    let fc = start(&two(), &["--resource", "svc-beta"]);
    assert_eq!(get(fc.address, "/").json()["function"], "svc$beta");
    assert_eq!(invoke(&fc, "svc%24beta", "").json()["function"], "svc$beta");
    assert!(!fc.log().contains("alpha"), "{}", fc.log());
    assert_eq!(invoke(&fc, "alpha", "").status, 404);
}

#[test]
fn all_of_them_are_stopped_at_once_with_their_hooks() {
    let hook = "instanceLifecycleConfig: {preStop: {handler: x, timeout: 60}}";
    // Each hook waits for the other.
    let arguments = ["--no-freeze", "--env", "STOP_WITH=2"];
    let mut fc = start(&[resource("a", hook), resource("b", hook), resource("c", hook)], &arguments);
    let pids: Vec<u32> = ["a", "b"].iter().map(|name| invoke(&fc, name, "").pid()).collect();
    assert!(fc.stop().success());
    for name in ["a", "b"] {
        fc.wait_for_log(&format!("| the last of {name}"));
    }
    assert!(!fc.log().contains("the last of c"), "it had no instance");
    pids.into_iter().for_each(wait_until_gone);
}

#[test]
fn calls_in_flight_on_any_address_are_finished_at_a_stop() {
    let mut fc = start_code(include_str!("function.py"), &two(), &["--timeout", "60s"]);
    let gate = fc.scratch.gate("gate");
    let (alpha, target) = (address_of(&fc, "alpha"), format!("/wait?fifo={}", gate.path));
    let event = format!(r#"{{"path":"/wait","fifo":"{}"}}"#, gate.path);
    thread::scope(|scope| {
        let on_trigger = scope.spawn(move || get(alpha, &target));
        let on_main = scope.spawn(|| invoke(&fc, "svc%24beta", &event));
        fc.wait_for_trace("waiting", 2);
        fc.signal(Signal::INT);
        fc.wait_for_log("stopping when the 2 calls in flight are over");
        gate.let_pass(2);
        assert_eq!(on_trigger.join().expect("answered").status, 200);
        assert_eq!(on_main.join().expect("answered").status, 200);
    });
    assert!(fc.wait().success());
}

#[test]
fn lines_say_whose_they_are_where_there_are_several() {
    let fc = start(&two(), &["--json"]);
    assert_eq!(invoke(&fc, "alpha", "").status, 200);
    fc.wait_for_log("cold start");
    let log = fc.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_instances: Vec<Value> = lines.filter(|line| line.get("instance").is_some()).collect();
    assert!(!of_instances.is_empty() && of_instances.iter().all(|line| line["function"] == "alpha"), "{log}");
    let fc = start(&two(), &[]);
    assert_eq!(invoke(&fc, "alpha", "").status, 200);
    fc.wait_for_log("* cold start");
    let log = fc.log();
    let line = log.lines().find(|line| line.contains("* cold start")).expect("the line");
    assert!(line.contains(" alpha    "), "as wide as svc$beta: {line}");
}

#[test]
fn a_changed_template_is_used_by_those_that_are_served_and_a_new_one_needs_a_restart() {
    let fc = start(&two(), &["--watch"]);
    let old = ["alpha", "svc%24beta"].map(|name| invoke(&fc, name, "").pid());
    let memory = "memorySize: 1024";
    write(&fc.scratch, &[resource("alpha", memory), resource("svc$beta", memory), resource("new", "")]);
    fc.wait_for_log("new is new and not served yet: stop fc-local and start it again");
    fc.wait_for_logs("the next call starts it anew", 2);
    for (name, old) in ["alpha", "svc%24beta"].into_iter().zip(old) {
        let seen = invoke(&fc, name, "").json();
        assert_eq!(seen["headers"]["x-fc-function-memory"], "1024", "{name}");
        wait_until_gone(old);
    }
    write(&fc.scratch, &[resource("alpha", "memorySize: 2048")]);
    fc.wait_for_log("svc$beta is no longer configured and is served as it was");
    fc.wait_for_logs("the next call starts it anew", 3);
    assert_eq!(invoke(&fc, "alpha", "").json()["headers"]["x-fc-function-memory"], "2048");
    assert_eq!(invoke(&fc, "svc%24beta", "").status, 200);
}

#[test]
fn a_change_concerns_the_functions_that_are_made_of_it_and_is_told_once() {
    let scratch = Scratch::new();
    for name in ["alpha", "beta"] {
        std::fs::create_dir(scratch.path(name)).expect("a directory");
        scratch.write(&format!("{name}/app.py"), ECHO);
    }
    let own = |name: &str| resource(name, "").replace("./code", &format!("./{name}"));
    let path = write(&scratch, &[own("alpha"), own("beta")]);
    let fc = start_with(scratch, &["-t", &path, "--watch"], &[]);
    let old = ["alpha", "beta"].map(|name| invoke(&fc, name, "").pid());
    std::fs::rename(fc.scratch.path("alpha"), fc.scratch.path("alpha.old")).expect("to be moved");
    fc.wait_for_log("alpha is served as it was: ");
    fc.scratch.write("beta/more", "");
    fc.wait_for_log("the next call starts it anew");
    wait_until_gone(old[1]);
    assert_eq!(invoke(&fc, "beta", "").status, 200);
    std::fs::rename(fc.scratch.path("alpha.old"), fc.scratch.path("alpha")).expect("to be moved");
    fc.wait_for_logs("the next call starts it anew", 2);
    wait_until_gone(old[0]);
    assert_eq!(invoke(&fc, "alpha", "").status, 200);
    let log = fc.log();
    assert_eq!(log.matches("alpha is served as it was").count(), 1, "{log}");
    assert!(!log.contains("is not served") && !log.contains("no longer configured"), "{log}");
}

fn with_domains() -> Fc {
    let domain = "  domain:
    component: fc3-domain
    props:
      domainName: shop.example
      protocol: HTTP
      routeConfig:
        routes:
          - {path: '/*', functionName: alpha}
          - {path: '/orders/*', functionName: svc$beta}
          - {path: '/orders/open', functionName: alpha, methods: [GET]}
          - {path: '/gone', functionName: elsewhere}
  auto:
    component: fc3-domain
    props: {domainName: auto, routeConfig: {routes: [{path: '/*', functionName: svc$beta}]}}
  wild:
    component: fc3-domain
    props:
      domainName: '*.shop.example'
      protocol: HTTP
      routeConfig: {routes: [{path: '/b/*', functionName: svc$beta}]}
";
    start(&[&two()[..], &[domain.to_owned()]].concat(), &[])
}

#[test]
fn a_custom_domains_paths_lead_to_functions_on_the_main_address() {
    let fc = with_domains();
    let ask = |host: &str, method: &str, target: &str| {
        ask(fc.address, method, target, &format!("host: {host}\r\n"), "")
    };
    for (host, target, wanted) in [
        ("shop.example", "/", "alpha"),
        ("SHOP.example:8080", "/orders", "alpha"),
        ("shop.example.", "/orders/", "svc$beta"),
        ("shop.example", "/orders/7?x=1", "svc$beta"),
        ("shop.example", "/orders/open", "alpha"),
        ("a.shop.example", "/b/x", "svc$beta"),
        ("b.a.shop.example", "/b/", "svc$beta"),
        ("auto.localhost:8080", "/", "svc$beta"),
        // A path of the API is the domain's like any other.
        ("shop.example", "/2023-03-30/functions/svc%24beta/invocations", "alpha"),
    ] {
        let seen = ask(host, "POST", target).json();
        if target != "/orders/open" {
            assert_eq!((seen["function"].as_str(), seen["target"].as_str()), (Some(wanted), Some(target)));
            assert_eq!(seen["headers"]["host"], host, "as the client wrote it");
        }
    }
    assert_eq!(ask("shop.example", "GET", "/orders/open").json()["function"], "alpha");
    for (host, method, target, status, code) in [
        ("shop.example", "POST", "/orders/open", 403, "FCCommonError"),
        ("shop.example", "OPTIONS", "/orders/open", 403, "FCCommonError"),
        ("shop.example", "GET", "/gone", 404, "RouteNotFound"),
        ("a.shop.example", "GET", "/", 404, "RouteNotFound"),
        ("a.shop.example", "GET", "/b", 404, "RouteNotFound"),
        ("other.example", "GET", "/", 403, "AccessDenied"),
        ("localhost", "GET", "/", 404, "DomainNameNotFound"),
    ] {
        let (found, code_found, message) = ask(host, method, target).system_error();
        assert_eq!((found, code_found.as_str()), (status, code), "{host} {method} {target}: {message}");
    }
    // An absolute target's authority is the host (RFC 9112 section 3.2.2).
    let seen = ask("localhost", "GET", "http://shop.example/orders/1").json();
    assert_eq!(
        (seen["function"].as_str(), seen["headers"]["host"].as_str()),
        (Some("svc$beta"), Some("shop.example"))
    );
    assert_eq!(seen["target"], "/orders/1");
}

#[test]
fn functions_share_a_custom_domain() {
    let own = |path: &str| format!("customDomain: {{domainName: shop.example, route: {{path: '{path}'}}}}");
    let of = |name: &str, path: &str| resource(name, &own(path));
    let fc = start(&[of("alpha", "/a/*"), of("beta", "/b/*"), of("gamma", "/a/*")], &[]);
    for (target, wanted) in [("/a/1", "alpha"), ("/b/1", "beta")] {
        let seen = ask(fc.address, "GET", target, "host: shop.example\r\n", "").json();
        assert_eq!(seen["function"], wanted, "{target}");
    }
    fc.wait_for_log("customDomain: shop.example/a/* leads to alpha already");
}

#[test]
fn a_route_rewrites_the_path_that_the_function_sees() {
    let domain = "  domain:
    component: fc3-domain
    props:
      domainName: shop.example
      routeConfig:
        routes:
          - path: /*
            functionName: a
            rewriteConfig:
              equalRules: [{match: /old, replacement: /new}]
              wildcardRules: [{match: /css/*, replacement: /public/static/css/$1}, {match: /bad/*, replacement: 'x $1'}]
              regexRules: [{match: '^/api/.+?/(.*)', replacement: /api/v2/$1}]
";
    let fc = start(&[resource("a", ""), domain.to_owned()], &[]);
    let ask = |target: &str| ask(fc.address, "GET", target, "host: shop.example\r\n", "");
    for (target, wanted) in [
        ("/old", "/new"),
        ("/old?x=1", "/new?x=1"),
        ("/older", "/older"),
        ("/css/a/b.css", "/public/static/css/a/b.css"),
        ("/api/v1/test?x", "/api/v2/test?x"),
        ("/", "/"),
    ] {
        assert_eq!(ask(target).json()["target"], wanted, "{target}");
    }
    let (status, code, _) = ask("/bad/a").system_error();
    assert_eq!((status, code.as_str()), (400, "InvalidArgument"), "no path for a request line");
}

#[test]
fn the_routes_of_a_changed_template_are_followed() {
    let route = |function: &str| {
        format!(
            "  domain:\n    component: fc3-domain\n    props: {{domainName: shop.example, routeConfig: {{routes: [{{path: '/*', functionName: {function}}}]}}}}\n"
        )
    };
    let fc = start(&[resource("a", ""), resource("b", ""), route("a")], &["--watch"]);
    let ask = || ask(fc.address, "GET", "/", "host: shop.example\r\n", "").json();
    assert_eq!(ask()["function"], "a");
    write(&fc.scratch, &[resource("a", ""), resource("b", ""), route("b")]);
    fc.wait_for_log("the custom domains changed");
    assert_eq!(ask()["function"], "b");
}
