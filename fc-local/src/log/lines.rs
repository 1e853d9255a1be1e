//! The lines that fc-local prints while it runs: the function's own, the platform's events, calls, cold starts. Who
//! prints which is not known here.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::format::{Format, Line, Origin};
use super::output::{self, Output};
use super::time::{LogTime, billed, milliseconds, rounded};
use crate::record::Recorder;

#[derive(Clone)]
pub struct Log {
    /// Whose lines they are, where there are several functions; with spaces as wide as the longest of their names.
    function: Option<String>,
    /// Where the lines go.
    output: Option<Arc<Output>>,
    format: Format,
    /// Where they are kept for whoever looks.
    recorder: Arc<Recorder>,
}

/// A call, when it is over or refused.
pub struct RequestLine<'a> {
    pub request_id: &'a str,
    /// Unless several could have been meant.
    pub function: Option<&'a str>,
    pub instance: Option<&'a str>,
    /// `event`, or method and path.
    pub title: &'a str,
    /// What its caller got.
    pub status: u16,
    /// What the function said of it in `x-fc-status`.
    pub own_status: Option<&'a str>,
    pub end: End<'a>,
}

/// How a call ended.
#[derive(Clone, Copy)]
pub enum End<'a> {
    Answered(Duration),
    Failed {
        after: Duration,
        failure: Failed<'a>,
    },
    /// No instance was asked.
    Refused(Failed<'a>),
}

#[derive(Clone, Copy)]
pub struct Failed<'a> {
    /// The platform's name for it.
    pub error_type: &'static str,
    pub text: &'a str,
}

impl Log {
    pub fn to_stdout(json: bool, time: LogTime) -> Log {
        Log::new(output::stdout(), json, time)
    }

    pub fn to_stderr(json: bool, time: LogTime) -> Log {
        Log::new(output::stderr(), json, time)
    }

    /// For `check`, whose table is the only output.
    pub fn silent() -> Log {
        let format = Format::new(false, false, LogTime::Utc);
        Log { function: None, output: None, format, recorder: Recorder::off() }
    }

    /// The same, whose lines are kept too.
    pub fn with_recorder(self, recorder: Arc<Recorder>) -> Log {
        Log { recorder, ..self }
    }

    /// Where everything else is kept that happens.
    pub fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// The log of one of several functions, whose names are `width` wide at the most.
    pub fn of_function(&self, name: &str, width: usize) -> Log {
        Log { function: Some(format!("{name:<width$}")), ..self.clone() }
    }

    fn new(output: Arc<Output>, json: bool, time: LogTime) -> Log {
        let format = Format::new(json, output.has_colours(), time);
        output.describe_dropped(move |count| {
            let text = output::dropped(count);
            let (function, instance, fields) = (None, None, Map::new());
            let line = Line { origin: Origin::Warning, function, instance, text: &text, fields };
            format.lines(SystemTime::now(), line)
        });
        Log { function: None, output: Some(output), format, recorder: Recorder::off() }
    }

    /// An event of the platform, about an instance or about all.
    pub fn event(&self, instance: Option<&str>, text: &str) {
        self.print(Origin::Platform, instance, text, Map::new());
    }

    /// Something the author should know.
    pub fn warn(&self, instance: Option<&str>, text: &str) {
        self.print(Origin::Warning, instance, text, Map::new());
    }

    /// A line that a process of the function printed.
    pub fn output(&self, origin: Origin, instance: &str, line: &str) {
        self.print(origin, Some(instance), line, Map::new());
    }

    /// A call. One that was answered happens all the time: it is written with the next line, or at the next
    /// [`flush`](Log::flush), so that no call has to wake anybody.
    pub fn request(&self, request: &RequestLine<'_>) {
        let Some(output) = &self.output else { return };
        let is_answered = matches!(request.end, End::Answered(_));
        let origin = if is_answered { Origin::Platform } else { Origin::Warning };
        if !is_answered && self.recorder.is_on() {
            let plain = Format::new(false, false, LogTime::Utc);
            self.keep(origin, request.instance, &request.text(plain, origin));
        }
        let text = request.text(self.format, origin);
        let fields = if self.format.is_for_programs() { request.fields() } else { Map::new() };
        let (function, instance) = (self.function.as_deref(), request.instance);
        let line = Line { origin, function, instance, text: &text, fields };
        let lines = self.format.lines(SystemTime::now(), line);
        if is_answered { output.push_later(&lines) } else { output.push(&lines) }
    }

    /// Where the time of a cold start went.
    pub fn cold_start(&self, instance: &str, parts: &[(&'static str, Duration)]) {
        self.recorder.cold_start(instance, parts);
        let total: Duration = parts.iter().map(|(_, time)| *time).sum();
        let listed: Vec<String> =
            parts.iter().map(|(name, time)| format!("{name} {:.1}", milliseconds(*time))).collect();
        let mut fields: Map<String, Value> = parts
            .iter()
            .map(|(name, time)| (format!("{}_ms", name.replace(' ', "_")), json!(rounded(*time))))
            .collect();
        fields.insert("event".to_owned(), json!("cold_start"));
        fields.insert("total_ms".to_owned(), json!(rounded(total)));
        let text = format!("cold start {:.1} ms: {}", milliseconds(total), listed.join(", "));
        self.print(Origin::Platform, Some(instance), &text, fields);
    }

    /// A line of another time as it would be printed, without its end.
    pub fn shown(&self, at: SystemTime, origin: Origin, instance: Option<&str>, text: &str) -> String {
        let line = Line { origin, function: self.function.as_deref(), instance, text, fields: Map::new() };
        self.format.lines(at, line).trim_end().to_owned()
    }

    /// Has written what may have waited.
    pub fn flush(&self) {
        if let Some(output) = &self.output {
            output.flush();
        }
    }

    fn keep(&self, origin: Origin, instance: Option<&str>, text: &str) {
        self.recorder.line(origin.name(), self.function.as_deref().map(str::trim_end), instance, text);
    }

    fn print(&self, origin: Origin, instance: Option<&str>, text: &str, fields: Map<String, Value>) {
        self.keep(origin, instance, text);
        if let Some(output) = &self.output {
            let line = Line { origin, function: self.function.as_deref(), instance, text, fields };
            output.push(&self.format.lines(SystemTime::now(), line));
        }
    }
}

impl RequestLine<'_> {
    fn text(&self, format: Format, origin: Origin) -> String {
        let RequestLine { request_id, title, .. } = self;
        match &self.end {
            End::Answered(time) => {
                let status = format.status(self.status, origin);
                let own = self.own_status.map(|own| format!(" (x-fc-status: {own})")).unwrap_or_default();
                format!("{request_id} {title} {status}{own} {:.1} ms", milliseconds(*time))
            }
            End::Failed { after, failure } => {
                let (after, why) = (milliseconds(*after), failure.text);
                format!("{request_id} {title} failed after {after:.1} ms: {why}")
            }
            End::Refused(failure) => format!("{request_id} refused with {}: {}", self.status, failure.text),
        }
    }

    fn fields(&self) -> Map<String, Value> {
        let (method, path) = self.title.split_once(' ').unwrap_or(("POST", "/invoke"));
        let (time, failure) = match &self.end {
            End::Answered(time) => (Some(*time), None),
            End::Failed { after, failure } => (Some(*after), Some(failure)),
            End::Refused(failure) => (None, Some(failure)),
        };
        let reported = self.own_status.map(|_| "UnhandledInvocationError");
        let fields = [
            ("event", Some(json!("request"))),
            ("function", self.function.map(|function| json!(function))),
            ("request_id", Some(json!(self.request_id))),
            ("method", Some(json!(method))),
            ("path", Some(json!(path))),
            ("status", Some(json!(self.status))),
            ("x_fc_status", self.own_status.map(|own| json!(own))),
            ("duration_ms", time.map(|time| json!(rounded(time)))),
            ("billed_duration_ms", time.map(|time| json!(billed(time)))),
            ("error_type", failure.map(|failure| failure.error_type).or(reported).map(|kind| json!(kind))),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(end: End<'static>) -> RequestLine<'static> {
        RequestLine {
            request_id: "1-2",
            function: Some("f"),
            instance: None,
            title: "GET /a",
            status: 200,
            own_status: None,
            end,
        }
    }

    #[test]
    fn a_request_is_told_in_text_and_in_fields() {
        let format = Format::new(false, false, LogTime::Utc);
        let failed = || Failed { error_type: "BadResponse", text: "why" };
        let time = Duration::from_micros(1234);
        let common = json!({
            "event": "request", "function": "f", "request_id": "1-2", "method": "GET", "path": "/a", "status": 200,
        });
        for (line, text, more) in [
            (
                line(End::Answered(time)),
                "1-2 GET /a 200 1.2 ms",
                json!({"duration_ms": 1.2, "billed_duration_ms": 2}),
            ),
            (
                RequestLine { title: "event", own_status: Some("404"), ..line(End::Answered(time)) },
                "1-2 event 200 (x-fc-status: 404) 1.2 ms",
                json!({
                    "duration_ms": 1.2, "billed_duration_ms": 2, "x_fc_status": "404", "method": "POST",
                    "path": "/invoke", "error_type": "UnhandledInvocationError",
                }),
            ),
            (
                line(End::Failed { after: time, failure: failed() }),
                "1-2 GET /a failed after 1.2 ms: why",
                json!({"duration_ms": 1.2, "billed_duration_ms": 2, "error_type": "BadResponse"}),
            ),
            (line(End::Refused(failed())), "1-2 refused with 200: why", json!({"error_type": "BadResponse"})),
        ] {
            assert_eq!(line.text(format, Origin::Platform), text);
            let mut wanted = common.as_object().expect("an object").clone();
            wanted.extend(more.as_object().expect("an object").clone());
            assert_eq!(line.fields(), wanted, "{text}");
        }
    }
}
