//! One invocation: a place at an instance, the request to it, its outcome, and the line about it in the log.
//! What its caller is answered with is not known here.

use std::io::{self, ErrorKind, Read, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::failure::{CallKind, Failure};
use crate::instance::client::{
    self, Deadline, Headers, Patience, Recipient, Reply, ReplyBody, RequestBody, RequestHead, Upload,
};
use crate::instance::{Instance, headers};
use crate::log::{End, Failed, RequestLine, billed, milliseconds};
use crate::record::{Call, Ended, NewCall, Recorder};
use crate::scaling::{Scaler, Ticket};

/// The longest body that is kept with what is kept of a call: an asynchronous event's limit.
const MAX_KEPT: usize = 128 * 1024;

/// What a caller asks for.
pub struct Invocation<'a> {
    pub kind: CallKind,
    pub request_id: &'a str,
    /// For the log: `event`, or method and path.
    pub title: String,
    /// Makes the head once the instance, and so its common headers, is known.
    pub head: &'a dyn Fn(&Instance) -> RequestHead,
    pub body: RequestBody<'a>,
    pub caller: Arc<dyn Recipient>,
    /// The status of a call that timed out.
    pub timeout_status: u16,
    /// What it is when its caller goes.
    pub gone: Failure,
    /// The call as it is kept for whoever looks.
    pub recorded: Call,
}

/// The function's reply, from its head on.
pub struct InvocationReply {
    pub status: u16,
    pub headers: Headers,
    pub body: InvocationBody,
    pub upload: Option<Upload>,
    pub instance: Arc<Instance>,
    /// The position in the function's output before the invocation.
    pub output_position: u64,
    pub started: Instant,
}

/// The reply's body, and with its end the end of the invocation.
pub struct InvocationBody {
    body: ReplyBody,
    run: Option<Run>,
}

/// What is known of an invocation under way.
struct Run {
    ticket: Ticket,
    kind: CallKind,
    request_id: String,
    title: String,
    status: u16,
    /// What the function said of it in `x-fc-status`.
    own_status: Option<String>,
    timeout_status: u16,
    gone: Failure,
    started: Instant,
    recorded: Call,
    /// Kept with it.
    response_head: Vec<u8>,
}

/// A call without a reply of the function's own.
pub struct NotAnswered {
    pub failure: Failure,
    /// How long the function had worked on it, which is what is billed; `None` when it was not asked.
    pub after: Option<Duration>,
}

impl From<NotAnswered> for Failure {
    fn from(not_answered: NotAnswered) -> Failure {
        not_answered.failure
    }
}

impl From<Failure> for NotAnswered {
    fn from(failure: Failure) -> NotAnswered {
        NotAnswered { failure, after: None }
    }
}

/// A place at an instance for a call that is kept for whoever looks; `kind` and `timeout_status` say how a refusal of it reads.
pub fn acquire(
    scaler: &Scaler,
    has_gone: &dyn Fn() -> bool,
    call: &NewCall<'_>,
    (kind, timeout_status): (CallKind, u16),
) -> Result<(Ticket, Call), Failure> {
    let mut recorded = Recorder::accept(scaler.recorder(), call);
    let failure = match scaler.acquire(has_gone) {
        Ok(ticket) => return Ok((ticket, recorded)),
        Err(unavailable) => Failure::from(unavailable),
    };
    let (refusal, text) = (failure.refusal(kind, call.request_id, timeout_status), failure.to_string());
    let failed = Some((refusal.code, text.as_str()));
    let ended = Ended { status: refusal.status, failure: failed, ..Ended::default() };
    if failure.has_instance() {
        recorded.end(&ended)
    } else {
        recorded.refuse(&ended)
    }
    Err(failure)
}

/// Invokes the function at the instance of `ticket`.
pub fn invoke(ticket: Ticket, invocation: Invocation<'_>) -> Result<InvocationReply, NotAnswered> {
    let instance = Arc::clone(&ticket.instance);
    let started = Instant::now();
    let mut run = Run {
        ticket,
        kind: invocation.kind,
        request_id: invocation.request_id.to_owned(),
        title: invocation.title,
        status: 0,
        own_status: None,
        timeout_status: invocation.timeout_status,
        gone: invocation.gone,
        started,
        recorded: invocation.recorded,
        response_head: Vec::new(),
    };
    let head = (invocation.head)(&instance);
    run.recorded.start(&instance.id, &head.bytes, kept(&invocation.body));
    let output_position = match invocation.kind {
        CallKind::Event => instance.process.output.position(),
        CallKind::Http => 0,
    };
    let deadline = instance.deadline(instance.function.timeout);
    let patience = Patience { deadline, recipient: invocation.caller };
    match instance.pool.send(&head, invocation.body, &patience) {
        Ok(reply) => accepted(reply, run, output_position),
        Err(error) => {
            let failure = run.failure_of(&error);
            Err(run.failed(failure))
        }
    }
}

/// A body that is kept, so that the call can be made once more.
fn kept<'b>(body: &RequestBody<'b>) -> Option<&'b [u8]> {
    match body {
        RequestBody::Bytes(bytes) if bytes.len() <= MAX_KEPT => Some(bytes),
        RequestBody::Bytes(_) | RequestBody::Stream(..) => None,
    }
}

/// The head of a reply as it is kept.
fn kept_head(status: u16, fields: &Headers) -> Vec<u8> {
    let mut head = Vec::with_capacity(512);
    let _ = writeln!(head, "HTTP/1.1 {status}"); // a vector takes all
    for (name, value) in fields.iter() {
        for part in [name.as_bytes(), b": ", value, b"\n"] {
            head.extend_from_slice(part);
        }
    }
    head
}

/// The reply, unless it is none that the platform passes on.
fn accepted(reply: Reply, mut run: Run, output_position: u64) -> Result<InvocationReply, NotAnswered> {
    let instance = Arc::clone(&run.ticket.instance);
    instance.first_byte(run.started.elapsed());
    if run.recorded.is_recorded() {
        run.response_head = kept_head(reply.status, &reply.headers);
    }
    if let Some(what) = unacceptable(reply.status, headers::size(headers::passed_on(&reply.headers))) {
        let failure = Failure::BadResponse(format!("the function's response is refused: {what}"));
        return Err(run.failed(failure));
    }
    run.status = reply.status;
    run.own_status =
        headers::failure_status(&reply.headers).map(|own| String::from_utf8_lossy(own).into_owned());
    Ok(InvocationReply {
        status: reply.status,
        headers: reply.headers,
        upload: reply.upload,
        output_position,
        started: run.started,
        body: InvocationBody { body: reply.body, run: Some(run) },
        instance,
    })
}

/// What of a reply's head is beyond the platform's limits.
fn unacceptable(status: u16, headers_size: usize) -> Option<String> {
    match status {
        200..600 if headers_size <= headers::MAX_SIZE => None,
        200..600 => {
            Some(format!("response headers of {headers_size} bytes, the limit is {}", headers::MAX_SIZE))
        }
        status => Some(format!("status {status}")),
    }
}

/// Why an instance cannot serve the next call: it is still busy with one that nobody waits for.
fn condemned(failure: &Failure, concurrency: usize, has_health_check: bool) -> Option<&'static str> {
    match failure {
        _ if concurrency > 1 => None,
        Failure::TimedOut { .. } => Some("its invocation timed out"),
        Failure::Stopped => Some("its task was stopped"),
        Failure::ClientClosed if !has_health_check => Some("its caller went away"),
        _ => None,
    }
}

impl Run {
    fn failure_of(&self, error: &client::Error) -> Failure {
        let instance = &self.ticket.instance;
        match error {
            client::Error::TimedOut => {
                Failure::TimedOut { after: instance.function.timeout, memory_mb: instance.memory.peak_mb() }
            }
            client::Error::CallerGone => self.gone.clone(),
            client::Error::Dropped(_) | client::Error::BrokenOff(_) => {
                Failure::Exited(instance.unexpected_exit(self.started))
            }
            client::Error::BadReply(what) => Failure::BadResponse(what.clone()),
            // What a body over the platform's limit fails with.
            client::Error::Source(error) if error.kind() == ErrorKind::FileTooLarge => {
                Failure::InvalidArgument(error.to_string())
            }
            client::Error::Source(_) => Failure::ClientClosed,
        }
    }

    fn failed(mut self, failure: Failure) -> NotAnswered {
        let after = self.started.elapsed();
        let instance = Arc::clone(&self.ticket.instance);
        instance.end_cold_start();
        let function = &instance.function;
        let reason = condemned(&failure, function.concurrency, function.health.is_some());
        if let Some(reason) = reason.filter(|_| !instance.is_debugged()) {
            self.ticket.condemn(reason);
        }
        let refusal = failure.refusal(self.kind, &self.request_id, self.timeout_status);
        let failed = Failed { error_type: refusal.code, text: &failure.to_string() };
        self.tell(refusal.status, End::Failed { after, failure: failed });
        NotAnswered { failure, after: Some(after) }
    }

    fn finished(mut self) {
        self.tell(self.status, End::Answered(self.started.elapsed()));
    }

    fn tell(&mut self, status: u16, end: End<'_>) {
        let instance = Arc::clone(&self.ticket.instance);
        instance.log().request(&RequestLine {
            request_id: &self.request_id,
            function: Some(&instance.function.name),
            instance: Some(&instance.id),
            title: &self.title,
            status,
            own_status: self.own_status.as_deref(),
            end,
        });
        let ended = ended(&end);
        let (x_fc_status, response_head) = (self.own_status.as_deref(), self.response_head.as_slice());
        self.recorded.end(&Ended { status, x_fc_status, response_head, ..ended });
        instance.warn_of_buffering();
    }
}

/// A call's end as it is kept.
fn ended<'e>(end: &End<'e>) -> Ended<'e> {
    let (time, failure) = match end {
        End::Answered(time) => (Some(*time), None),
        End::Failed { after, failure } => (Some(*after), Some(failure)),
        End::Refused(failure) => (None, Some(failure)),
    };
    Ended {
        failure: failure.map(|failure| (failure.error_type, failure.text)),
        duration: time.map(|time| (milliseconds(time), billed(time))),
        ..Ended::default()
    }
}

impl InvocationReply {
    /// The call, failed while its reply was read.
    pub fn not_answered(&self, failure: Failure) -> NotAnswered {
        NotAnswered { failure, after: Some(self.started.elapsed()) }
    }
}

impl InvocationBody {
    pub fn length(&self) -> Option<u64> {
        self.body.length()
    }

    /// Whether a read would have to wait for the function.
    pub fn would_wait(&mut self) -> bool {
        self.body.would_wait()
    }

    /// When the call is over, for whoever waits for something else.
    pub fn deadline(&self) -> Deadline {
        self.body.deadline()
    }

    /// An error once the function's time is up, which is the invocation's failure.
    pub fn time_left(&mut self) -> io::Result<()> {
        self.waited(self.body.deadline().left()).map(drop)
    }

    /// What came of a wait for something else: that it was in vain is the invocation's failure.
    pub fn waited<T>(&mut self, waited: io::Result<T>) -> io::Result<T> {
        waited.map_err(|error| self.failed_read(error))
    }

    /// Waits until more of the request can be sent or something of the reply is here.
    pub fn wait_for(&mut self, upload: &Upload) -> io::Result<()> {
        let waited = upload.wait(self.body.patience());
        self.waited(waited.map_err(io::Error::from))
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

    /// Reads the body to its end for nobody; an error is the invocation's failure.
    pub fn discard(&mut self) -> Result<(), Failure> {
        let result = io::copy(&mut self.body, &mut io::sink());
        result.map_err(|error| self.fail(error)).map(|_| self.finish())
    }

    /// The first `count` bytes of a longer body. Failing here still becomes a response of its own: that is what the
    /// server sends at once.
    pub fn read_beginning(&mut self, count: u64) -> Result<Vec<u8>, Failure> {
        let mut beginning = Vec::new();
        let result = (&mut self.body).take(count).read_to_end(&mut beginning);
        result.map_err(|error| self.fail(error)).map(|_| beginning)
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
        let failure = run.failure_of(&error);
        run.failed(failure).failure
    }

    /// The failure as an error of the same kind.
    fn failed_read(&mut self, error: io::Error) -> io::Error {
        let kind = error.kind();
        io::Error::new(kind, self.fail(error).to_string())
    }
}

impl Read for InvocationBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.body.read(buffer).map_err(|error| self.failed_read(error))?;
        if self.body.is_complete() {
            self.finish();
        }
        Ok(count)
    }
}

impl Drop for InvocationBody {
    fn drop(&mut self) {
        // Nobody reads on: the caller went away, or there is no body.
        if let Some(run) = self.run.take() {
            if self.body.is_complete() {
                return run.finished();
            }
            let error =
                self.body.deadline().left().map_or(client::Error::TimedOut, |_| client::Error::CallerGone);
            let failure = run.failure_of(&error);
            run.failed(failure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_that_is_alone_with_a_call_nobody_waits_for_goes() {
        let timed_out = || Failure::TimedOut { after: Duration::from_secs(3), memory_mb: 1.0 };
        for (failure, concurrency, has_health_check, wanted) in [
            (timed_out(), 1, false, Some("its invocation timed out")),
            (timed_out(), 1, true, Some("its invocation timed out")),
            (timed_out(), 2, false, None),
            (Failure::ClientClosed, 1, false, Some("its caller went away")),
            (Failure::ClientClosed, 1, true, None),
            (Failure::ClientClosed, 2, false, None),
            (Failure::BadResponse(String::new()), 1, false, None),
        ] {
            let found = condemned(&failure, concurrency, has_health_check);
            assert_eq!(found, wanted, "{failure:?} {concurrency} {has_health_check}");
        }
    }

    #[test]
    fn a_reply_within_the_platforms_limits_is_accepted() {
        for status in [200, 404, 599] {
            assert_eq!(unacceptable(status, headers::MAX_SIZE), None, "{status}");
        }
        for status in [199, 600, 999] {
            assert_eq!(unacceptable(status, 0), Some(format!("status {status}")));
        }
        assert_eq!(
            unacceptable(200, headers::MAX_SIZE + 1).as_deref(),
            Some("response headers of 8193 bytes, the limit is 8192")
        );
    }
}
