//! GetAsyncTask, ListAsyncTasks and StopAsyncTask: what the vendor's SDKs ask of asynchronous tasks, and read of them (their models
//! `AsyncTask`, `AsyncTaskEvent` and `ListAsyncTaskOutput`). What becomes of a task is not known here.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::front::async_queue::{Change, Query, Status, Stop, Task, now};
use crate::front::failure::Failure;
use crate::front::served::Served;
use crate::function::Function;

/// The vendor's page sizes.
const DEFAULT_PAGE: usize = 20;
const MAX_PAGE: usize = 100;

/// One task.
pub fn get(served: &Served, function: &Function, id: &str) -> Result<Value, Failure> {
    check_mode(function, id)?;
    let told = served.queue.get(id, |task| describe(task, function, true));
    told.ok_or_else(|| not_found(id, ""))
}

/// A page of the tasks.
pub fn list<'q>(
    served: &Served,
    function: &Function,
    value: impl Fn(&str) -> Option<Cow<'q, str>>,
) -> Result<Value, Failure> {
    let with_payload = flag("includePayload", value("includePayload"))?;
    let query = query(value)?;
    if !function.asynchronous.tracks_tasks {
        return Ok(json!({ "tasks": [] }));
    }
    let (tasks, next) = served.queue.list(&query, |task| describe(task, function, with_payload));
    Ok(match next {
        Some(next) => json!({ "tasks": tasks, "nextToken": next.to_string() }),
        None => json!({ "tasks": tasks }),
    })
}

/// Stops a task that has not ended.
pub fn stop(served: &Served, function: &Function, id: &str) -> Result<(), Failure> {
    check_mode(function, id)?;
    match served.queue.stop_task(id) {
        None => Err(not_found(id, "")),
        Some(Stop::Ended(status)) if status != Status::Stopped => {
            let status = status.name();
            Err(Failure::InvalidArgument(format!("async task '{id}' is {status} and cannot be stopped")))
        }
        Some(_) => Ok(()),
    }
}

/// The platform knows tasks in task mode alone.
fn check_mode(function: &Function, id: &str) -> Result<(), Failure> {
    if function.asynchronous.tracks_tasks {
        return Ok(());
    }
    let hint = format!(
        " {} is not in task mode: its template has no 'asyncTask: true' in asyncInvokeConfig.",
        function.name
    );
    Err(not_found(id, &hint))
}

fn not_found(id: &str, hint: &str) -> Failure {
    Failure::AsyncTaskNotFound(format!("'{id}' does not exist.{hint}"))
}

fn query<'q>(value: impl Fn(&str) -> Option<Cow<'q, str>>) -> Result<Query, Failure> {
    let text = |name| value(name).map(Cow::into_owned).filter(|text| !text.is_empty());
    let time = |name| {
        let time =
            text(name).map(|text| text.parse().map_err(|_| wrong(name, &text, "in milliseconds since 1970")));
        time.transpose()
    };
    let status = text("status").map(|text| {
        Status::of_name(&text)
            .ok_or_else(|| wrong("status", &text, "one of a task, such as Running or Succeeded"))
    });
    let limit = text("limit").map(|text| match text.parse() {
        Ok(limit @ 1..=MAX_PAGE) => Ok(limit),
        _ => Err(wrong("limit", &text, "a number from 1 to 100")),
    });
    let first = text("nextToken")
        .map(|text| text.parse().map_err(|_| wrong("nextToken", &text, "one that a list has returned")));
    let ascending = match text("sortOrderByTime").as_deref() {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(other) => return Err(wrong("sortOrderByTime", other, "asc or desc")),
    };
    Ok(Query {
        prefix: text("prefix").unwrap_or_default(),
        status: status.transpose()?,
        begin: time("startedTimeBegin")?,
        end: time("startedTimeEnd")?,
        ascending,
        limit: limit.transpose()?.unwrap_or(DEFAULT_PAGE),
        first: first.transpose()?,
    })
}

fn wrong(name: &str, text: &str, wanted: &str) -> Failure {
    Failure::InvalidArgument(format!("{name} '{text}' is not {wanted}"))
}

/// The vendor's SDK for Python writes `True`.
fn flag(name: &str, value: Option<Cow<'_, str>>) -> Result<bool, Failure> {
    match value.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Failure::InvalidArgument(format!("{name} '{other}' is neither true nor false"))),
    }
}

fn describe(task: &Task, function: &Function, with_payload: bool) -> Value {
    let life = &task.life;
    let is_over = life.status().is_end();
    let text = |bytes: &[u8]| json!(String::from_utf8_lossy(bytes));
    let fields = [
        ("taskId", Some(json!(task.id))),
        ("requestId", Some(json!(task.request_id))),
        ("functionArn", Some(json!(function.arn()))),
        ("qualifier", Some(json!("LATEST"))),
        ("status", Some(json!(life.status().name()))),
        ("startedTime", Some(json!(milliseconds(life.accepted().unix)))),
        ("endTime", life.ended().map(|ended| json!(milliseconds(ended.unix)))),
        ("durationMs", life.duration(now()).map(|duration| json!(milliseconds(duration)))),
        ("alreadyRetriedTimes", Some(json!(life.failures()))),
        ("instanceId", task.instance.as_ref().map(|instance| json!(instance))),
        ("taskErrorMessage", task.error.map(|error| json!(error))),
        ("destinationStatus", task.is_delivered.map(|is| json!(if is { "Succeeded" } else { "Failed" }))),
        ("taskPayload", with_payload.then(|| text(&task.payload))),
        ("returnPayload", (with_payload && is_over).then(|| text(&task.returned))),
        ("events", Some(life.changes().iter().enumerate().map(event).collect())),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn event((place, change): (usize, &Change)) -> Value {
    let detail = change.error.map(|error| json!({ "Error": error }).to_string());
    json!({
        "eventId": place + 1,
        "status": change.status.name(),
        "timestamp": milliseconds(change.unix),
        "eventDetail": detail.unwrap_or_default(),
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &'static str)]) -> Result<Query, Failure> {
        query(|name| values.iter().find(|(other, _)| *other == name).map(|(_, value)| Cow::Borrowed(*value)))
    }

    #[test]
    fn a_query_is_read_as_the_sdks_write_it() {
        assert_eq!(read(&[]), Ok(Query { limit: 20, ..Query::default() }));
        let full = read(&[
            ("prefix", "a"),
            ("status", "Running"),
            ("startedTimeBegin", "1700000000000"),
            ("startedTimeEnd", "1800000000000"),
            ("sortOrderByTime", "asc"),
            ("limit", "100"),
            ("nextToken", "7"),
        ]);
        let wanted = Query {
            prefix: "a".to_owned(),
            status: Some(Status::Running),
            begin: Some(1_700_000_000_000),
            end: Some(1_800_000_000_000),
            ascending: true,
            limit: 100,
            first: Some(7),
        };
        assert_eq!(full, Ok(wanted));
        for (name, value) in [
            ("limit", "0"),
            ("limit", "101"),
            ("status", "running"),
            ("startedTimeBegin", "today"),
            ("sortOrderByTime", "up"),
            ("nextToken", "x"),
        ] {
            let error = read(&[(name, value)]).expect_err(name);
            assert!(matches!(&error, Failure::InvalidArgument(text) if text.starts_with(name)), "{error}");
        }
    }

    #[test]
    fn a_flag_is_read_in_any_case() {
        let flag = |value: &'static str| flag("includePayload", Some(Cow::Borrowed(value)));
        assert_eq!(
            [flag("True"), flag("true"), flag("False"), flag("")],
            [Ok(true), Ok(true), Ok(false), Ok(false)]
        );
        assert!(flag("yes").is_err());
    }
}
