//! `fc-local invoke`: start, initialize, invoke once, stop.

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::cli::args::InvokeArgs;
use crate::cli::{load, signals};
use crate::front::event;
use crate::front::failure::{CallKind, Failure};
use crate::front::invocation::{self, Call};
use crate::id;
use crate::instance::Instance;
use crate::instance::client::RequestBody;
use crate::instance::headers;
use crate::log::{Log, milliseconds};
use crate::scaling::platform::Platform;

/// What the summary line reports.
struct Summary {
    failed: bool,
    milliseconds: u64,
    memory_mb: f64,
}

pub fn run(args: &InvokeArgs) -> Result<ExitCode> {
    let function = load::function(&args.function)?;
    let memory_size = function.memory_mb;
    let input = Input::of(args)?;
    let log = Log::to_stderr(args.platform.json);
    let surroundings = load::surroundings(&args.platform, log)?;
    let upkeep = load::upkeep(&args.platform, Duration::from_secs(3600));
    let platform = Platform::start(function, 1, upkeep, surroundings).context("cannot start a thread")?;
    let request_id = id::request();
    let platform = Arc::new(platform);
    let interrupted = Arc::new(AtomicBool::new(false));
    let (stopping, told) = (Arc::clone(&platform), Arc::clone(&interrupted));
    signals::at_first(move || {
        told.store(true, Ordering::SeqCst);
        stopping.log().event(None, "stopping; once more to stop at once");
        stopping.stop_starting();
        stopping.close();
    })?;
    let result = match &input {
        Input::Event(payload) => invoke_event(&platform, payload, &request_id, args),
        Input::Http(request) => invoke_http(&platform, request, &request_id, args),
    };
    platform.close();
    let summary = result?;
    summary.print(&request_id, memory_size, args.platform.json);
    Ok(match (interrupted.load(Ordering::SeqCst), summary.failed) {
        (true, _) => ExitCode::from(130),
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    })
}

impl Summary {
    fn print(&self, request_id: &str, memory_size: u64, as_json: bool) {
        let (billed, used) = (self.milliseconds, format!("{:.2}", self.memory_mb));
        if as_json {
            let summary = json!({
                "event": "summary", "request_id": request_id, "billed_duration_ms": billed,
                "memory_size_mb": memory_size, "max_memory_used_mb": self.memory_mb, "failed": self.failed,
            });
            return eprintln!("{summary}");
        }
        eprintln!(
            "RequestId: {request_id} Billed Duration: {billed} ms Memory Size: {memory_size} MB Max Memory Used: {used} MB"
        );
    }
}

/// The head of a response, for people as it is written in HTTP.
fn print_head<'h>(status: u16, headers: impl Iterator<Item = (&'h str, String)>, as_json: bool) {
    if as_json {
        let headers: Vec<_> = headers.map(|(name, value)| json!([name, value])).collect();
        return eprintln!("{}", json!({"event": "response", "status": status, "headers": headers}));
    }
    eprintln!("HTTP {status}");
    for (name, value) in headers {
        eprintln!("{name}: {value}");
    }
}

enum Input {
    Event(Vec<u8>),
    Http(HttpRequest),
}

struct HttpRequest {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Input {
    fn of(args: &InvokeArgs) -> Result<Input> {
        if let Some(line) = &args.http {
            return HttpRequest::of(line, args).map(Input::Http);
        }
        let payload = match (&args.event, &args.event_file, &args.standard_input) {
            (Some(event), ..) => event.clone().into_bytes(),
            (None, Some(file), _) => read_file(file)?,
            (None, None, Some(_)) => read_file(Path::new("-"))?,
            (None, None, None) => Vec::new(),
        };
        if payload.len() as u64 > event::MAX_SYNC {
            bail!("the event takes {} bytes, the platform's limit is {}", payload.len(), event::MAX_SYNC);
        }
        Ok(Input::Event(payload))
    }
}

impl HttpRequest {
    fn of(line: &str, args: &InvokeArgs) -> Result<HttpRequest> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (method, target) = match words.as_slice() {
            [target] => (if args.data.is_some() { "POST" } else { "GET" }, *target),
            [method, target] => (*method, *target),
            _ => bail!("--http '{line}': write it as 'GET /path?x=1'"),
        };
        if !target.starts_with('/') || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            bail!("--http '{line}': write it as 'GET /path?x=1'");
        }
        let mut headers = vec![("Host".to_owned(), "localhost".to_owned())];
        for header in &args.header {
            let Some((name, value)) = header.split_once(':') else {
                bail!("--header '{header}': write it as 'Name: value'");
            };
            if value.contains(['\r', '\n']) || name.is_empty() || name.contains([' ', '\r', '\n']) {
                bail!("--header '{header}' is not a header");
            }
            if name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("x-fc-")) {
                bail!("--header '{header}': the platform refuses x-fc-* of a client, it sends its own");
            }
            headers.retain(|(known, _)| !(name.eq_ignore_ascii_case("host") && known == "Host"));
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let body = match &args.data {
            Some(data) => match data.strip_prefix('@') {
                Some(file) => read_file(Path::new(file))?,
                None => data.clone().into_bytes(),
            },
            None => Vec::new(),
        };
        Ok(HttpRequest { method: method.to_owned(), target: target.to_owned(), headers, body })
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn invoke_event(platform: &Platform, payload: &[u8], request_id: &str, args: &InvokeArgs) -> Result<Summary> {
    let started = Instant::now();
    match event::invoke(platform, payload, request_id, 0, &|| false) {
        Ok(answer) => {
            print(&answer.body)?;
            let memory_mb = answer.instance.memory.peak_mb();
            Ok(Summary { failed: answer.failed, milliseconds: answer.milliseconds, memory_mb })
        }
        Err(failure) => refused(args, &failure, CallKind::Event, request_id, started),
    }
}

fn invoke_http(
    platform: &Platform,
    request: &HttpRequest,
    request_id: &str,
    args: &InvokeArgs,
) -> Result<Summary> {
    let started = Instant::now();
    let head = |instance: &Instance| {
        let fields = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        headers::forwarded(&request.method, &request.target, fields, request_id, &instance.common_headers)
    };
    let call = Call {
        kind: CallKind::Http,
        request_id,
        title: format!("{} {}", request.method, request.target),
        body: RequestBody::Bytes(&request.body),
        caller_gone: &|| false,
        head: &head,
    };
    let mut answer = match invocation::invoke(&platform.scaler, call) {
        Ok(answer) => answer,
        Err(failure) => return refused(args, &failure, CallKind::Http, request_id, started),
    };
    let passed_on = answer.headers.iter().filter(|(name, _)| headers::is_passed_on(name));
    let shown = passed_on.map(|(name, value)| (name, String::from_utf8_lossy(value).into_owned()));
    print_head(answer.status, shown, args.platform.json);
    let copied = io::copy(&mut answer.body, &mut io::stdout().lock());
    io::stdout().flush()?;
    if let Err(error) = &copied {
        eprintln!("{error}");
    }
    let failed = headers::failure_status(&answer.headers).is_some();
    let memory_mb = answer.instance.memory.peak_mb();
    let billed = milliseconds(answer.started.elapsed()).ceil() as u64;
    Ok(Summary {
        failed: failed || copied.is_err() || answer.status >= 500,
        milliseconds: billed.max(1),
        memory_mb,
    })
}

/// What a caller would have got.
fn refused(
    args: &InvokeArgs,
    failure: &Failure,
    kind: CallKind,
    request_id: &str,
    started: Instant,
) -> Result<Summary> {
    let answer = failure.refusal(kind, request_id, args.platform.http_timeout_status);
    let error_type = answer.error_type.map(|name| ("X-Fc-Error-Type", name.to_owned()));
    print_head(answer.status, error_type.into_iter(), args.platform.json);
    print(answer.body.as_bytes())?;
    let memory_mb = failure.memory_mb().unwrap_or(0.0);
    Ok(Summary { failed: true, milliseconds: milliseconds(started.elapsed()).ceil() as u64, memory_mb })
}

fn print(body: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(body)?;
    if out.is_terminal() && !body.is_empty() && !body.ends_with(b"\n") {
        out.write_all(b"\n")?; // a person's next line is the log's
    }
    out.flush().context("cannot write to standard output")
}
