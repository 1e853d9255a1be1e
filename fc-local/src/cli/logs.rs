//! `fc-local logs`: the log of a running `start`, asked of its console, and followed. What is in it is not known here.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::args::LogsArgs;
use super::console;
use crate::console::client::{Client, STATUS, at};
use crate::log::{Log, Origin, terminal};

pub fn run(args: &LogsArgs) -> Result<ExitCode> {
    console::until_left(tell(args))?;
    Ok(ExitCode::SUCCESS)
}

fn tell(args: &LogsArgs) -> Result<()> {
    let client = Client(args.console.console);
    let query = query(args);
    let log = Log::to_stdout(args.json, args.log_time);
    let status = client.get(STATUS)?;
    let names = at(&status, "/functions").as_array().into_iter().flatten().filter_map(Value::as_str);
    let lengths: Vec<usize> = names.map(|name| name.chars().count()).collect();
    // Whose line it is, is said where there are several.
    let width = lengths.iter().max().copied().filter(|_| lengths.len() > 1);
    let print = |lines: &Value| -> Result<()> {
        let lines = lines.as_array().into_iter().flatten();
        lines
            .map(|line| if args.json { terminal::json(line, false) } else { told(&log, line, width) })
            .try_for_each(console::print)
    };
    let answer = client.get(&format!("/api/v1/logs?limit={}{query}", args.lines))?;
    print(at(&answer, "/lines"))?;
    if args.follow {
        let since = at(&answer, "/seq").as_u64().unwrap_or_default();
        client.follow(&format!("/api/v1/events?only_lines=true&since={since}{query}"), |update| {
            print(at(update, "/lines"))?;
            if let Some(missed) = at(update, "/missed/lines").as_u64().filter(|missed| *missed > 0) {
                console::note(format_args!(
                    "{missed} lines came faster than they can be followed; 'fc-local logs' has them"
                ));
            }
            Ok(true)
        })?;
        console::note("fc-local has stopped");
    }
    Ok(())
}

/// What of the log is wanted, as the end of a query.
fn query(args: &LogsArgs) -> String {
    let fields = [
        ("request_id", &args.request),
        ("instance", &args.instance),
        ("function", &args.function),
        ("level", &args.level),
        ("text", &args.text),
    ];
    let given = fields.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    given.map(|(name, value)| format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))).collect()
}

/// A line as `start` prints it, with the function's name so wide if it has one.
fn told(log: &Log, line: &Value, width: Option<usize>) -> String {
    let moment = Duration::try_from_secs_f64(at(line, "/at").as_f64().unwrap_or_default() / 1000.0)
        .unwrap_or_default();
    let origin = at(line, "/source").as_str().and_then(Origin::named).unwrap_or(Origin::Platform);
    let text = at(line, "/text").as_str().unwrap_or_default();
    let (moment, instance) = (SystemTime::UNIX_EPOCH + moment, at(line, "/instance").as_str());
    match (width, at(line, "/function").as_str()) {
        (Some(width), Some(name)) => log.of_function(name, width).shown(moment, origin, instance, text),
        _ => log.shown(moment, origin, instance, text),
    }
}
