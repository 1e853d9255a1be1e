//! `fc-local status`: what a running `start` serves, asked of its console. What it does is not known here.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use super::args::StatusArgs;
use super::console;
use crate::console::client::{Client, STATUS, at};
use crate::log::terminal;

/// Invocations that are shown.
const NEWEST: usize = 10;

pub fn run(args: &StatusArgs) -> Result<ExitCode> {
    console::until_left(tell(args))?;
    Ok(ExitCode::SUCCESS)
}

fn tell(args: &StatusArgs) -> Result<()> {
    let client = Client(args.console.console);
    let (status, functions) = (client.get(STATUS)?, client.get("/api/v1/functions")?);
    let instances = client.get("/api/v1/instances?living=true")?;
    let invocations = client.get(&format!("/api/v1/invocations?limit={NEWEST}"))?;
    if args.json {
        let report = json!({
            "status": status,
            "functions": at(&functions, "/functions"),
            "instances": at(&instances, "/instances"),
            "invocations": at(&invocations, "/invocations"),
        });
        console::print(terminal::json(&report, true))?;
    } else {
        let now = at(&status, "/now").as_f64().unwrap_or_default();
        let mut lines = heading(&status);
        lines.extend(list(at(&functions, "/functions")).map(function));
        lines.extend(list(at(&instances, "/instances")).map(|one| instance(one, now)));
        let newest: Vec<&Value> = list(at(&invocations, "/invocations")).collect();
        if !newest.is_empty() {
            lines.push("the newest invocations, the last one first:".to_owned());
            lines.extend(newest.into_iter().map(|one| invocation(one, now)));
        }
        console::print(lines.join("\n"))?;
    }
    Ok(())
}

fn heading(status: &Value) -> Vec<String> {
    let record = at(status, "/record");
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let (running, waiting) = (number(at(record, "/running")), number(at(record, "/waiting")));
    let (instances, kept) = (number(at(record, "/instances")), at(record, "/invocations"));
    let all = number(at(kept, "/kept")) + number(at(kept, "/forgotten"));
    vec![
        format!(
            "fc-local {}, process {}, console {}",
            text(at(status, "/version")),
            number(at(status, "/pid")),
            text(at(status, "/console"))
        ),
        format!("instances: {instances}; invocations: {running} running, {waiting} waiting, {all} in all"),
    ]
}

fn function(function: &Value) -> String {
    let (name, url) = (text(at(function, "/name")), text(at(function, "/url")));
    let (memory, timeout) =
        (at(function, "/memory_mb"), at(function, "/timeout_ms").as_f64().unwrap_or_default() / 1000.0);
    format!("function {name} is on {url}: {memory} MB, {timeout} s, {} at once", at(function, "/concurrency"))
}

fn instance(instance: &Value, now: f64) -> String {
    let memory = at(instance, "/memory_mb").as_f64().unwrap_or_default();
    let running = list(at(instance, "/running")).count();
    format!(
        "  {} {}, {:.0} MB of {}, invocations: {running} running, {} in all, started {} ago",
        text(at(instance, "/id")),
        text(at(instance, "/phase")),
        memory,
        at(instance, "/memory_limit_mb"),
        at(instance, "/invocations"),
        age(now - at(instance, "/started_at").as_f64().unwrap_or(now)),
    )
}

fn invocation(invocation: &Value, now: f64) -> String {
    let mut words = vec![
        "  ".to_owned() + text(at(invocation, "/request_id")),
        text(at(invocation, "/function")).to_owned(),
        text(at(invocation, "/trigger")).to_owned(),
        format!("{} {}", text(at(invocation, "/method")), text(at(invocation, "/path"))),
    ];
    words.push(
        at(invocation, "/status")
            .as_u64()
            .map_or_else(|| text(at(invocation, "/stage")).to_owned(), |status| status.to_string()),
    );
    words.extend(at(invocation, "/duration_ms").as_f64().map(|duration| format!("{duration:.1} ms")));
    words.extend(at(invocation, "/cold").as_bool().filter(|cold| *cold).map(|_| "cold".to_owned()));
    words.extend(at(invocation, "/error_type").as_str().map(str::to_owned));
    words.push(format!("{} ago", age(now - at(invocation, "/accepted_at").as_f64().unwrap_or(now))));
    words.join(" ")
}

fn age(milliseconds: f64) -> String {
    match milliseconds.max(0.0) / 1000.0 {
        seconds if seconds < 60.0 => format!("{seconds:.0} s"),
        seconds if seconds < 3600.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or("-")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_told_in_a_line() {
        let one = json!({
            "request_id": "1-2", "function": "shop", "trigger": "http", "method": "GET", "path": "/a", "status": 502,
            "duration_ms": 1.25, "cold": true, "error_type": "BadResponse", "accepted_at": 1000.0, "stage": "ended",
        });
        assert_eq!(invocation(&one, 3000.0), "  1-2 shop http GET /a 502 1.2 ms cold BadResponse 2 s ago");
        let one = json!({"stage": "running", "function": "", "accepted_at": 0.0});
        assert_eq!(invocation(&one, 7_200_000.0), "  - - - - - running 2.0 h ago");
        assert_eq!(invocation(&one, -300.0), "  - - - - - running 0 s ago", "it came behind the status");
    }
}
