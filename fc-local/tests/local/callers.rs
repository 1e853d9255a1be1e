//! Who may call: callers under the server's own names, and for the InvokeFunction API no web page of others.

use std::process::Command;

use crate::harness::{Fc, Said as _, fc_local, python, start, start_with};
use support::{Program, Reply, Scratch, Signal, WATCHDOG, eventually, reserved_port, run_to_end};

const API: &str = "/2023-03-30/functions/local/invocations";

fn ask(fc: &Fc, head: &str) -> Reply {
    let mut client = fc.client();
    client.send(format!("{head}\r\n"));
    client.reply()
}

fn assert_refused(fc: &Fc, reply: &Reply, calls: usize) {
    let (status, code, message) = reply.system_error();
    assert_eq!((status, code.as_str()), (403, "AccessDenied"), "{message}");
    assert!(message.contains("--allow-host"), "{message}");
    assert_eq!(fc.trace().len(), calls, "the function is not reached");
}

#[test]
fn a_call_under_a_name_that_is_not_ours_does_not_reach_the_function() {
    let fc = start(&["--allow-host", "mine.example"]);
    let port = fc.address.port();
    let mut calls = 0;
    for host in
        ["localhost", &format!("LOCALHOST.:{port}"), "a.localhost", "127.0.0.1", "[::1]:1", "Mine.Example:80"]
    {
        assert_eq!(ask(&fc, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n")).status, 200, "{host}");
        calls += 1;
    }
    assert_eq!(ask(&fc, "GET / HTTP/1.0\r\n").status, 200, "no browser");
    assert_eq!(ask(&fc, "GET http://localhost:1/ HTTP/1.1\r\nHost: localhost\r\n").status, 200);
    calls += 2;
    for head in [
        "GET / HTTP/1.1\r\nHost: evil.example\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: rebound.evil.example:{port}\r\n"),
        "GET / HTTP/1.0\r\nHost: evil.example\r\n".to_owned(),
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n".to_owned(),
        "GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: localhost.evil.example\r\n".to_owned(),
        format!("POST {API} HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n"),
        format!("POST http://evil.example{API} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"),
    ] {
        assert_refused(&fc, &ask(&fc, &head), calls);
    }
    fc.wait_for_logs("refused with 403: the host 'evil.example' is none that", 3);
}

#[test]
fn a_web_page_of_others_cannot_invoke_an_event() {
    let fc = start(&[]);
    let invoke = |fields: &str| {
        let head = format!(
            "POST {API} HTTP/1.1\r\nHost: localhost:{}\r\nContent-Length: 0\r\n{fields}",
            fc.address.port()
        );
        ask(&fc, &head)
    };
    let calls =
        ["", "Origin: http://localhost:5173\r\nSec-Fetch-Site: same-site\r\n", "Sec-Fetch-Site: none\r\n"];
    for fields in calls {
        assert_eq!(invoke(fields).status, 200, "{fields}");
    }
    for fields in [
        // What a form and fetch of a page send, with and without a preflight, and a page in a sandbox.
        "Origin: https://evil.example\r\nContent-Type: text/plain\r\nSec-Fetch-Site: cross-site\r\n",
        "Origin: https://evil.example\r\nContent-Type: application/octet-stream\r\n",
        "Origin: https://evil.example\r\nx-fc-invocation-type: Async\r\n",
        "Origin: null\r\nContent-Type: application/x-www-form-urlencoded\r\n",
        "Origin: http://localhost\r\nOrigin: https://evil.example\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
    ] {
        assert_refused(&fc, &invoke(fields), calls.len());
    }
}

#[test]
fn only_post_invokes_an_event_and_a_page_may_call_the_http_trigger() {
    let fc = start(&[]);
    for method in ["GET", "HEAD", "PUT", "OPTIONS", "DELETE"] {
        let mut client = fc.client();
        client.expects_no_body = method == "HEAD";
        client.send(format!("{method} {API} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(client.reply().status, 400, "{method}");
        assert_eq!(fc.trace(), Vec::<String>::new(), "{method}");
    }
    let page = "Host: localhost\r\nOrigin: https://any.example\r\nSec-Fetch-Site: cross-site\r\n";
    assert_eq!(ask(&fc, &format!("GET / HTTP/1.1\r\n{page}")).status, 200);
}

#[test]
fn the_templates_domains_are_names_of_the_function() {
    let scratch = Scratch::new();
    let template = scratch.write(
        "s.yaml",
        "edition: 3.0.0
vars: {zone: shop.example}
resources:
  shop:
    component: fc3
    props:
      functionName: local
      runtime: custom
      code: .
      customDomain: {domainName: own.example, protocol: HTTP}
  domain:
    component: fc3-domain
    props: {domainName: 'www.${vars.zone}'}
  auto:
    component: fc3-domain
    props: {domainName: auto}
  elsewhere:
    component: fc3-domain
    props: {domainName: \"${env('NOT_SET_ANYWHERE')}\"}
",
    );
    let fc = start_with(scratch, &["-t", &template], &python());
    for (host, status) in
        [("own.example", 200), ("WWW.shop.example:80", 200), ("shop.example", 403), ("auto", 403)]
    {
        assert_eq!(ask(&fc, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n")).status, status, "{host}");
    }
}

#[test]
fn curl_goes_on_working() {
    let fc = start(&[]);
    let port = fc.address.port();
    let curl = |arguments: &[&str], url: &str| {
        let mut curl = Command::new("curl");
        curl.args([
            "-s",
            "-4",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--noproxy",
            "127.0.0.1,localhost,rebound.example",
        ])
        .args(arguments)
        .arg(url);
        String::from_utf8(run_to_end(&mut curl, WATCHDOG).stdout).expect("a status")
    };
    if Command::new("curl").arg("--version").output().is_err() {
        return println!("skipped: curl is not installed");
    }
    for host in ["127.0.0.1", "localhost", "LOCALHOST"] {
        assert_eq!(curl(&[], &format!("http://{host}:{port}/")), "200", "{host}");
        assert_eq!(curl(&["-d", "{}"], &format!("http://{host}:{port}{API}")), "200", "{host}");
    }
    let url = format!("http://127.0.0.1:{port}/");
    let lead = format!("rebound.example:{port}:127.0.0.1");
    assert_eq!(curl(&["--resolve", &lead], &format!("http://rebound.example:{port}/")), "403");
    assert_eq!(curl(&["-H", "Host: evil.example"], &url), "403");
    assert_eq!(curl(&["-x", &url], "http://1.cn-hangzhou.fc.aliyuncs.com/"), "403", "an HTTP trigger");
    let endpoint = format!("http://1234567890123456.cn-hangzhou.fc.aliyuncs.com{API}");
    assert_eq!(curl(&["-x", &url, "-d", "{}"], &endpoint), "200", "an SDK's endpoint through a proxy");
}

#[test]
fn what_the_network_can_reach_is_said_once() {
    for (listen, is_open) in
        [("127.0.0.1:0", false), ("localhost:0", false), ("0.0.0.0:0", true), ("[::]:0", true)]
    {
        let mut fc = fc_local();
        fc.args(["start", "--listen", listen, "--port", &reserved_port().to_string(), "--"]).args(python());
        let mut fc = Program::start(&mut fc);
        fc.said.wait_for("* port ", 1);
        fc.said.wait_for("the function's own, is open to the network too: functions listen on 0.0.0.0", 1);
        let port = fc.said.wait_until("an address", |said| {
            said.split("is served on http://").nth(1)?.split('/').next()?.rsplit(':').next()?.parse().ok()
        });
        let ask = |host: &str| {
            let mut client = support::Client::connect(([127, 0, 0, 1], port).into());
            client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            client.reply().status
        };
        if listen != "localhost:0" {
            eventually("it serves", || (ask("localhost") == 200).then_some(()));
            assert_eq!(
                (ask("evil.example"), ask("192.0.2.1")),
                (403, if is_open { 200 } else { 403 }),
                "{listen}"
            );
        }
        fc.signal(Signal::INT);
        assert!(fc.wait().success());
        fc.said.wait_for_end(WATCHDOG);
        let said = fc.said.text();
        assert_eq!(said.matches("# --listen ").count(), usize::from(is_open), "{said}");
        assert_eq!(said.matches("is open to the network").count(), 1, "{said}");
    }
}
