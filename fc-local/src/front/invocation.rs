//! One invocation: a place at an instance, the request to it, its outcome, and the line about it in the log. Callers of
//! either kind are in `gateway.rs` and `api.rs`.

use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use crate::front::failure::{CallKind, Failure};
use crate::instance::Instance;
use crate::instance::client::{self, Headers, Patience, Reply, ReplyBody, RequestBody, RequestHead, Upload};
use crate::instance::headers;
use crate::log::milliseconds;
use crate::scaling::scaler::{Scaler, Ticket};

/// What a caller asks for.
pub struct Call<'a> {
    pub kind: CallKind,
    pub request_id: &'a str,
    /// For the log: `event`, or method and path.
    pub title: String,
    pub body: RequestBody<'a>,
    pub caller_gone: &'a dyn Fn() -> bool,
    /// Makes the head once the instance, and so its common headers, is known.
    pub head: &'a dyn Fn(&Instance) -> RequestHead,
}

/// The function's answer, from its head on.
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    pub body: AnswerBody,
    pub upload: Option<Upload>,
    pub instance: Arc<Instance>,
    /// Where the function's output stood before.
    pub output_position: u64,
    pub started: Instant,
}

/// The body, and with its end the end of the invocation.
pub struct AnswerBody {
    body: ReplyBody,
    run: Option<Run>,
}

/// What is known of an invocation under way.
struct Run {
    ticket: Ticket,
    scaler: Arc<Scaler>,
    request_id: String,
    title: String,
    /// What the function said of it.
    outcome: String,
    started: Instant,
}

/// Invokes the function.
pub fn invoke(scaler: &Arc<Scaler>, call: Call<'_>) -> Result<Answer, Failure> {
    let ticket = scaler.acquire()?;
    let instance = Arc::clone(&ticket.instance);
    let started = Instant::now();
    let run = Run {
        ticket,
        scaler: Arc::clone(scaler),
        request_id: call.request_id.to_owned(),
        title: call.title,
        outcome: String::new(),
        started,
    };
    let head = (call.head)(&instance);
    let output_position = if call.kind == CallKind::Event { instance.process.output.position() } else { 0 };
    let patience = Patience { until: started + instance.function.timeout, caller_gone: call.caller_gone };
    match instance.pool.send(&head, call.body, &patience) {
        Ok(reply) => answer(reply, run, output_position),
        Err(error) => {
            let failure = failure_of(&error, &instance, started);
            run.failed(&failure);
            Err(failure)
        }
    }
}

fn answer(reply: Reply, mut run: Run, output_position: u64) -> Result<Answer, Failure> {
    let instance = Arc::clone(&run.ticket.instance);
    instance.first_byte(run.started.elapsed());
    let size = headers::size(reply.headers.iter());
    if size > headers::MAX_SIZE || !(200..600).contains(&reply.status) {
        let what = match reply.status {
            200..600 => format!("response headers of {size} bytes, the limit is {}", headers::MAX_SIZE),
            status => format!("status {status}"),
        };
        let failure = Failure::BadResponse(format!("the function's response is refused: {what}"));
        run.failed(&failure);
        return Err(failure);
    }
    let own = headers::failure_status(&reply.headers).map(String::from_utf8_lossy);
    run.outcome = match own {
        Some(own) => format!("{} (x-fc-status: {own})", reply.status),
        None => reply.status.to_string(),
    };
    Ok(Answer {
        status: reply.status,
        headers: reply.headers,
        upload: reply.upload,
        output_position,
        started: run.started,
        body: AnswerBody { body: reply.body, run: Some(run) },
        instance,
    })
}

fn failure_of(error: &client::Error, instance: &Instance, started: Instant) -> Failure {
    match error {
        client::Error::TimedOut => {
            Failure::TimedOut { after: instance.function.timeout, memory_mb: instance.memory.peak_mb() }
        }
        client::Error::CallerGone => Failure::ClientClosed,
        client::Error::Dropped(_) => Failure::Exited(instance.unexpected_exit(started)),
        client::Error::BadReply(what) => Failure::BadResponse(what.clone()),
        client::Error::Source(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Failure::InvalidArgument(error.to_string())
        }
        client::Error::Source(_) => Failure::ClientClosed,
    }
}

impl Run {
    /// An instance that is still busy with a call nobody waits for cannot serve the next one.
    fn failed(mut self, failure: &Failure) {
        self.ticket.instance.end_cold_start();
        let function = &self.ticket.instance.function;
        let abandoned = match failure {
            Failure::TimedOut { .. } => Some("its invocation timed out"),
            Failure::ClientClosed if function.health.is_none() => Some("its caller went away"),
            _ => None,
        };
        let alone = function.concurrency == 1;
        if let Some(reason) = abandoned.filter(|_| alone) {
            self.ticket.condemn(reason);
        }
        let time = milliseconds(self.started.elapsed());
        let text = format!("{} {} failed after {time:.1} ms: {}", self.request_id, self.title, failure);
        self.scaler.surroundings.log.warn(Some(&self.ticket.instance.id), &text);
    }

    fn finished(self) {
        let time = milliseconds(self.started.elapsed());
        let text = format!("{} {} {} {time:.1} ms", self.request_id, self.title, self.outcome);
        self.scaler.surroundings.log.event_soon(&self.ticket.instance.id, &text);
    }
}

impl AnswerBody {
    pub fn length(&self) -> Option<u64> {
        self.body.length()
    }

    /// Whether a read would have to wait for the function.
    pub fn would_wait(&mut self) -> bool {
        self.body.would_wait()
    }

    /// An error once the function's time is up, for whoever waits for something else.
    pub fn check_time(&mut self) -> io::Result<()> {
        self.body.check_time().map_err(|error| {
            let kind = error.kind();
            io::Error::new(kind, self.fail(error).to_string())
        })
    }

    /// The connection, to wait on beside another.
    pub fn stream(&self) -> Option<&TcpStream> {
        self.body.stream()
    }

    /// The whole body; an error is the invocation's failure.
    pub fn read_all(&mut self, limit: u64) -> Result<Vec<u8>, Failure> {
        let result = self.body.read_all(limit);
        result.map_err(|error| self.fail(error)).inspect(|_| self.finish())
    }

    fn finish(&mut self) {
        if let Some(run) = self.run.take() {
            run.finished();
        }
    }

    fn fail(&mut self, error: io::Error) -> Failure {
        let error = client::Error::of_body(error);
        let Some(run) = self.run.take() else {
            return Failure::ClientClosed;
        };
        let failure = failure_of(&error, &run.ticket.instance, run.started);
        run.failed(&failure);
        failure
    }
}

impl Read for AnswerBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.body.read(buffer) {
            Ok(count) => {
                if self.body.is_complete() {
                    self.finish();
                }
                Ok(count)
            }
            Err(error) => {
                let kind = error.kind();
                Err(io::Error::new(kind, self.fail(error).to_string()))
            }
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        // Nobody reads on: the caller went away, or there is no body.
        if let Some(run) = self.run.take() {
            if self.body.is_complete() { run.finished() } else { run.failed(&Failure::ClientClosed) }
        }
    }
}
