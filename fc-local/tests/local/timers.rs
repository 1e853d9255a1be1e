//! Timer triggers: what fires, with which event, and what is said of it.

use std::process::Command;

use serde_json::json;
use support::{Scratch, Signal, WATCHDOG, run_to_end};

use crate::console::{self, console};
use crate::harness::{Fc, fc_local, start_with};
use crate::several::{ask, resource, template};

/// Prints what it is asked.
const PRINT: &str = r#"
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        print("asked " + self.headers["x-fc-retry-count"] + " " + body.decode(), flush=True)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["FC_CUSTOM_LISTEN_PORT"])), Handler).serve_forever()
"#;

fn timer(name: &str, config: &str) -> String {
    format!("  - {{triggerName: {name}, triggerType: timer, triggerConfig: {config}}}\n")
}

fn with_timers(timers: &[String]) -> String {
    resource("f", &format!("triggers:\n{}", timers.concat()))
}

/// A template with one function, which prints its events.
fn written(scratch: &Scratch, timers: &[String]) -> String {
    let _ = std::fs::create_dir(scratch.path("code")); // it may be there
    scratch.write("code/app.py", PRINT);
    scratch.write("s.yaml", &template(&[with_timers(timers)]))
}

fn start(timers: &[String], arguments: &[&str]) -> Fc {
    let scratch = Scratch::new();
    let path = written(&scratch, timers);
    start_with(scratch, &[&["-t", &path], arguments].concat(), &[])
}

const EVERY_SECOND: &str = "{cronExpression: '* * * * * *', payload: 'the \"payload\"'}";

#[test]
fn a_timer_calls_its_function_with_the_platforms_event() {
    let fc = start(&[timer("tick", EVERY_SECOND)], &[]);
    fc.wait_for_log("timer 'tick' (* * * * * *) fires next at 20");
    fc.wait_for_logs("timer 'tick' (* * * * * *) fires; next at 20", 2);
    let event = fc.find_in_log("an event", |log| {
        let (_, event) = log.lines().find(|line| line.contains("asked 0 "))?.split_once("asked 0 ")?;
        Some(event.trim().to_owned())
    });
    let json: serde_json::Value = serde_json::from_str(&event).expect(&event);
    assert_eq!(
        (json["triggerName"].as_str(), json["payload"].as_str()),
        (Some("tick"), Some("the \"payload\""))
    );
    let time = json["triggerTime"].as_str().expect("a time");
    assert!(time.len() == "2026-01-02T03:04:05Z".len() && time.ends_with('Z'), "{time}");
    assert_eq!(json.as_object().map(serde_json::Map::len), Some(3));
}

#[test]
fn what_does_not_fire_is_said() {
    let timers = [
        timer("off", "{cronExpression: '* * * * * *', enable: false}"),
        timer("tick", EVERY_SECOND),
        timer("daily", "{cronExpression: 'CRON_TZ=Asia/Shanghai 0 0 4 * * *'}"),
    ];
    let fc = start(&timers, &[]);
    fc.wait_for_log("timer 'off' (* * * * * *) will not fire: enable is false");
    fc.wait_for_log("timer 'daily' (CRON_TZ=Asia/Shanghai 0 0 4 * * *) fires next at 20");
    fc.wait_for_log("T04:00:00+08:00");
    fc.wait_for_log("timer 'tick' (* * * * * *) fires;");
    assert!(!fc.log().contains("'off' (* * * * * *) fires"), "{}", fc.log());
    let mut quiet = start(&timers, &["--no-timers"]);
    quiet.wait_for_log("--no-timers: 'off', 'tick', 'daily' of f will not fire");
    assert!(quiet.stop().success());
    assert!(!quiet.log().contains("fires"), "{}", quiet.log());
}

#[test]
fn the_console_says_when_a_timer_fires_next_or_that_it_does_not() {
    let timers = [
        timer("hourly", "{cronExpression: '@every 1h'}"),
        timer("daily", "{cronExpression: 'CRON_TZ=Asia/Shanghai 0 0 4 * * *'}"),
        timer("off", "{cronExpression: '@every 1h', enable: false}"),
    ];
    let triggers = |fc: &Fc| console::get(console(fc), "functions")["functions"][0]["triggers"].clone();
    let fc = start(&timers, &[]);
    let logged = |name: &str| {
        fc.find_in_log(name, |log| {
            let (_, after) = log.split_once(&format!("timer '{name}' ("))?;
            Some(after.split_once(") fires next at ")?.1.lines().next()?.trim().to_owned())
        })
    };
    let (hourly, daily) = (logged("hourly"), logged("daily"));
    let wanted = [
        (true, format!("@every 1h, next at {hourly}")),
        (true, format!("CRON_TZ=Asia/Shanghai 0 0 4 * * *, next at {daily}")),
        (false, "@every 1h, does not fire: enable is false".to_owned()),
    ];
    let function = console::get(console(&fc), "functions")["functions"][0].clone();
    assert_eq!(function["event_samples"], json!(["timer"]));
    let found = triggers(&fc);
    for (place, (is_served, text)) in wanted.iter().enumerate() {
        assert_eq!((&found[place]["served"], &found[place]["text"]), (&json!(is_served), &json!(text)));
    }
    let quiet = start(&timers, &["--no-timers"]);
    quiet.wait_for_log("--no-timers: 'hourly', 'daily', 'off' of f will not fire");
    let found = triggers(&quiet);
    assert_eq!(found[0]["text"], "@every 1h, does not fire: --no-timers");
    assert_eq!((&found[1]["served"], found.to_string().contains("next at")), (&json!(false), false));
}

#[test]
fn nothing_fires_once_it_stops() {
    let mut fc = start(&[timer("tick", EVERY_SECOND)], &[]);
    fc.wait_for_log("fires;");
    fc.signal(Signal::INT);
    assert!(fc.wait().success());
    let log = fc.log();
    let (_, after) = log.split_once("; once more to stop at once").expect("the stop");
    assert!(!after.contains("fires;"), "{log}");
}

#[test]
fn a_changed_timer_fires_as_it_says_now() {
    let fc = start(&[timer("tick", "{cronExpression: '@every 1h'}")], &["--watch"]);
    fc.wait_for_log("timer 'tick' (@every 1h) fires next at");
    written(&fc.scratch, &[timer("tick", EVERY_SECOND)]);
    fc.wait_for_log("timer 'tick' (* * * * * *) fires next at");
    fc.wait_for_log("asked 0 {\"triggerTime\"");
}

#[test]
fn the_api_tells_of_timers() {
    let fc = start(&[timer("daily", "{cronExpression: '0 0 4 * * *', payload: x}")], &[]);
    let get = |target: &str| {
        let reply = ask(fc.address, "GET", target, "host: localhost\r\n", "");
        serde_json::from_slice::<serde_json::Value>(&reply.body).expect("JSON")
    };
    let trigger = get("/2023-03-30/functions/f/triggers/daily");
    assert_eq!(get("/2023-03-30/functions/f/triggers")["triggers"][0], trigger);
    assert_eq!(trigger["triggerType"], "timer");
    let config: serde_json::Value =
        serde_json::from_str(trigger["triggerConfig"].as_str().expect("a text")).expect("JSON");
    assert_eq!(config, json!({"cronExpression": "0 0 4 * * *", "enable": true, "payload": "x"}));
}

#[test]
fn a_wrong_expression_is_an_error_with_its_line() {
    let scratch = Scratch::new();
    let path = written(&scratch, &[timer("t", "{cronExpression: '0 0 25 * * *'}")]);
    let wanted = "line 11: cronExpression: hours: '25' is not a number from 0 to 23";
    for words in [&["start", "--listen", "127.0.0.1:0"][..], &["config"]] {
        let mut command: Command = fc_local();
        let output = run_to_end(command.args(words).args(["-t", &path]), WATCHDOG);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(!output.status.success() && said.contains(wanted), "{said}");
    }
}
