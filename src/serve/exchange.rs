//! One request and its response: the author's code is called through the lifecycle, and its outcome
//! becomes what the platform and the caller are told (contract section 3).

use crate::api::context::{Context, Kind};
use crate::api::request::{Request, RequestBody};
use crate::api::response::{Body, BodyWriter, Response};
use crate::clock::Date;
use crate::http1::{BodyDecoder, Framing, Persistence, Reject, encode_head};
use crate::log::lines::{self, Phase};
use crate::log::logger;
use crate::platform::failure_body::failure_json;
use crate::platform::lifecycle::{Cause, Failure, Invocation, contain, discard};
use crate::platform::route::Route;
use crate::serve::admission::gate_of;
use crate::serve::blocking::Peer;
use crate::serve::connection::{Connection, Input, is_worth_discarding};
use crate::serve::engine::Shared;
use crate::serve::request_body::{BodyState, WireBody};
use crate::serve::response_writer::{Output, Sink, copy};
use crate::serve::worker::Worker;
use crate::threads::pool::Stretch;
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is to happen on the connection after a response.
pub(crate) enum After {
    Next,
    /// The rest of the request's body comes first.
    Discard(BodyDecoder),
    /// The connection ends, and the peer is to read the response first.
    Linger,
    /// The connection ends at once.
    Close,
}

const OK: &[u8] = b"x-fc-status: 200\r\n";
const FAILED: &[u8] = b"x-fc-status: 404\r\n";

/// Serves a request whose head is in the worker's context, and whose turn it is.
pub(crate) fn run(worker: &mut Worker<'_>, mut connection: Box<Connection>, route: Route) -> Box<Connection> {
    let shared = worker.shared;
    let link = connection.link.clone();
    let body = match BodyDecoder::new(worker.context.head.length, shared.config.max_body) {
        Ok(decoder) => decoder,
        Err(reject) => return connection.refuse(worker, reject),
    };
    link.begin();
    worker.context.begin(match route {
        Route::Invoke(kind) => kind,
        Route::Hook(_) | Route::Health => Kind::Hook,
    });
    let peer = Peer { shared, seat: worker.seat, link: &link, gate: gate_of(shared, route) };
    let mut exchange = Exchange {
        shared,
        context: &worker.context,
        peer: &peer,
        input: &mut connection.input,
        body: BodyState {
            decoder: body,
            expects_continue: worker.context.head.expects_continue,
            reject: None,
            streams: false,
        },
        output: &RefCell::new(Output::new(&peer, &mut worker.out, &mut worker.piece)),
        date: &mut worker.date,
        keep_alive: worker.context.head.keep_alive,
    };
    logger::enter(exchange.context.request_id());
    match route {
        Route::Health => exchange.health(),
        Route::Hook(phase) => exchange.hook(phase),
        Route::Invoke(_) => {
            shared.running.fetch_add(1, Ordering::SeqCst);
            exchange.invoke();
            shared.running.fetch_sub(1, Ordering::SeqCst);
        }
    }
    logger::leave();
    let after = exchange.after();
    connection.follow(after, shared.clock.now());
    connection
}

struct Exchange<'a> {
    shared: &'a Arc<Shared>,
    context: &'a Context,
    peer: &'a Peer<'a>,
    input: &'a mut Input,
    body: BodyState,
    output: &'a RefCell<Output<'a>>,
    date: &'a mut Date,
    keep_alive: bool,
}

/// The author's code at work on an invocation.
struct Running<'a> {
    stretch: Stretch,
    /// None when `initialize` failed before it.
    invocation: Option<Invocation<'a>>,
}

/// A response that is there as a whole.
struct Answer<'r> {
    status: u16,
    lines: &'r [u8],
    fc_status: &'static [u8],
    body: &'r [u8],
}

impl Exchange<'_> {
    fn health(&mut self) {
        let (status, body): (u16, &[u8]) =
            if self.is_stopping() { (503, b"stopping\n") } else { (200, b"ok\n") };
        self.answer(Answer { status, lines: b"", fc_status: b"", body });
    }

    fn hook(&mut self, phase: Phase) {
        let stretch = self.shared.pool.begin(self.peer.seat);
        self.mark_start(phase);
        let outcome = match phase {
            Phase::Initialize => self.shared.lifecycle.initialize(self.context),
            Phase::PreStop => self.shared.lifecycle.pre_stop(self.context),
            Phase::PreFreeze | Phase::Invoke => Ok(()),
        };
        let Err(failure) = outcome else {
            self.end_stretch(stretch, phase, None);
            return self.answer(Answer { status: 200, lines: b"", fc_status: b"", body: b"" });
        };
        log::error!("{} failed: {}", phase.name(), failure.message);
        let status = match phase {
            Phase::Initialize => failure.status.unwrap_or(500),
            _ => 404,
        };
        self.end_stretch(stretch, phase, Some(&failure.message));
        self.answer_failure(status, b"", &failure, Kind::Hook);
    }

    fn invoke(&mut self) {
        let stretch = self.shared.pool.begin(self.peer.seat);
        self.mark_start(Phase::Invoke);
        let invocation = match self.shared.lifecycle.begin(self.context) {
            Ok(invocation) => invocation,
            Err(failure) => return self.fail(&failure, Running { stretch, invocation: None }),
        };
        let mut source =
            WireBody { peer: self.peer, input: &mut *self.input, state: &mut self.body, output: self.output };
        let request = Request { head: &self.context.head, body: RequestBody { source: &mut source } };
        let outcome = invocation.invoke(self.context, request);
        let running = Running { stretch, invocation: Some(invocation) };
        match outcome {
            Ok(response) => match response.fault() {
                None => self.respond(response, running),
                Some(fault) => {
                    discard(response);
                    log::error!("invalid response: {fault}");
                    let failure = Failure { cause: Cause::InvalidResponse, status: None, message: fault };
                    self.fail(&failure, running);
                }
            },
            Err(failure) => self.fail(&failure, running),
        }
    }

    fn respond(&mut self, response: Response, running: Running<'_>) {
        let (status, lines) = (response.status, response.lines);
        match response.body {
            Body::Bytes(body) => self.respond_with_bytes(status, &lines, &body, running),
            Body::Reader { mut reader, length } => {
                let framing = length.map_or(Framing::Chunked, Framing::Length);
                self.settle_body();
                if let Some(reject) = self.body.reject {
                    discard(reader);
                    return self.answer_reject(reject, running);
                }
                self.keep_alive &= self.body.decoder.is_done() || self.may_still_be_read();
                self.respond_with_stream(status, &lines, framing, running, |_, out| {
                    copy(&mut reader, length, out)
                });
                discard(reader);
            }
            Body::Stream(produce) => {
                // Whether the client is asked for its body shows when the head is out.
                self.keep_alive &= !self.body.expects_continue;
                self.respond_with_stream(status, &lines, Framing::Chunked, running, produce);
            }
        }
    }

    fn respond_with_bytes(&mut self, status: u16, lines: &[u8], body: &[u8], running: Running<'_>) {
        self.settle_body();
        if let Some(reject) = self.body.reject {
            return self.answer_reject(reject, running);
        }
        self.end(running, None);
        let fc_status = self.fc_status(OK);
        self.answer(Answer { status, lines, fc_status, body });
    }

    /// Has the author's code write the body. Once some of it is out, a failure can only show by
    /// what is missing.
    fn respond_with_stream(
        &mut self,
        status: u16,
        lines: &[u8],
        framing: Framing,
        running: Running<'_>,
        produce: impl FnOnce(&mut RequestBody<'_>, &mut BodyWriter<'_>) -> anyhow::Result<()>,
    ) {
        let framing = self.framing_for(status, framing);
        // Whether the request's body is read to its end shows when the response is complete.
        self.keep_alive &= framing != Framing::UntilClose && !self.is_stopping();
        self.set_head(status, framing, [lines, self.fc_status(OK)]);
        let outcome = if self.has_body(status) {
            let mut source = WireBody {
                peer: self.peer,
                input: &mut *self.input,
                state: &mut self.body,
                output: self.output,
            };
            let (mut source, mut sink) = (RequestBody { source: &mut source }, Sink(self.output));
            contain(|| produce(&mut source, &mut BodyWriter { sink: &mut sink }))
        } else {
            contain(|| {
                drop(produce);
                Ok(())
            })
        };
        let begun = self.output.borrow().is_begun();
        match outcome {
            Ok(()) => {
                self.settle_body();
                self.end(running, None);
                self.sent(|output| output.finish());
            }
            Err(failure) if begun => {
                log::error!("the response's body failed: {}", failure.message);
                self.keep_alive = false;
                self.end(running, Some(&failure.message));
                self.output.borrow_mut().break_off();
            }
            Err(failure) => self.fail(&failure, running),
        }
    }

    /// Answers an invocation that failed before anything of its response was out.
    fn fail(&mut self, failure: &Failure, running: Running<'_>) {
        self.settle_body();
        if let Some(reject) = self.body.reject {
            return self.answer_reject(reject, running);
        }
        log::error!("invocation failed: {}", failure.message);
        let kind = self.context.kind();
        let status = if kind == Kind::Event { 404 } else { failure.status.unwrap_or(500) };
        self.end(running, Some(&failure.message));
        self.answer_failure(status, self.fc_status(FAILED), failure, kind);
    }

    /// The client's own fault, which the author's code only ran into.
    fn answer_reject(&mut self, reject: Reject, running: Running<'_>) {
        self.keep_alive = false;
        self.end(running, Some(reject.reason()));
        let body = format!("{reject}\n");
        let lines = b"content-type: text/plain; charset=utf-8\r\n";
        let fc_status = self.fc_status(FAILED);
        let body = body.as_bytes();
        self.answer(Answer { status: reject.status(), lines, fc_status, body });
    }

    fn answer_failure(&mut self, status: u16, fc_status: &'static [u8], failure: &Failure, kind: Kind) {
        let body = failure_json(failure, kind, self.context.request_id());
        let lines = b"content-type: application/json\r\n";
        self.answer(Answer { status, lines, fc_status, body: body.as_bytes() });
    }

    fn answer(&mut self, answer: Answer<'_>) {
        self.settle_body();
        let framing = self.framing_for(answer.status, Framing::Length(answer.body.len() as u64));
        self.keep_alive &= !self.is_stopping()
            && self.body.reject.is_none()
            && (self.body.decoder.is_done() || self.may_still_be_read());
        self.set_head(answer.status, framing, [answer.lines, answer.fc_status]);
        let body = if self.has_body(answer.status) { answer.body } else { b"" };
        self.sent(|output| output.send_whole(body));
    }

    fn sent(&mut self, send: impl FnOnce(&mut Output<'_>) -> io::Result<()>) {
        if send(&mut self.output.borrow_mut()).is_err() {
            log::debug!("the client has gone before its response was out");
        }
    }

    fn set_head(&mut self, status: u16, framing: Framing, fields: [&[u8]; 2]) {
        let persistence = match (self.keep_alive, self.context.head.http10) {
            (false, _) => Persistence::Close,
            (true, true) => Persistence::KeepAlive,
            (true, false) => Persistence::Implied,
        };
        let date = self.date.now();
        self.output.borrow_mut().set_head(framing, |out| {
            encode_head(out, status, framing, persistence, date, fields);
        });
    }

    /// How a body framed as `wanted` is framed for this request (RFC 9112 section 6.3).
    fn framing_for(&self, status: u16, wanted: Framing) -> Framing {
        match wanted {
            _ if matches!(status, 204 | 304) => Framing::Bodiless,
            _ if status == 205 => Framing::Length(0),
            Framing::Chunked if self.context.head.method() == "HEAD" => Framing::Bodiless,
            Framing::Chunked if self.context.head.http10 => Framing::UntilClose,
            wanted => wanted,
        }
    }

    fn has_body(&self, status: u16) -> bool {
        self.context.head.method() != "HEAD" && !matches!(status, 204 | 205 | 304)
    }

    /// With hooks off there is no platform that would read it.
    fn fc_status(&self, status: &'static [u8]) -> &'static [u8] {
        if self.shared.config.hooks { status } else { b"" }
    }

    fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::SeqCst)
    }

    fn settle_body(&mut self) {
        self.body.settle(self.input, self.peer.link);
    }

    /// Whether the rest of the request's body can be read off the connection. A client that waits
    /// to be asked may send it or not: what follows cannot be told apart.
    fn may_still_be_read(&self) -> bool {
        !self.body.expects_continue && is_worth_discarding(&self.body.decoder)
    }

    fn mark_start(&self, phase: Phase) {
        if self.shared.config.marks {
            lines::start(phase, self.context.request_id());
        }
    }

    /// The invocation is over before its last byte goes out: whoever has read that may call
    /// `/pre-stop` and `/initialize` at once.
    fn end(&self, running: Running<'_>, error: Option<&str>) {
        drop(running.invocation);
        self.end_stretch(running.stretch, Phase::Invoke, error);
    }

    /// The author's code is done; what it did is marked before the last byte goes out, since the
    /// platform freezes the process right after that.
    fn end_stretch(&self, stretch: Stretch, phase: Phase, error: Option<&str>) {
        if self.shared.config.marks {
            lines::end(phase, self.context.request_id(), error);
        }
        self.shared.pool.end(self.peer.seat, stretch);
    }

    fn after(self) -> After {
        if self.output.borrow().has_failed() {
            return After::Close;
        }
        if !self.keep_alive || self.body.reject.is_some() {
            return After::Linger;
        }
        if self.body.decoder.is_done() {
            return After::Next;
        }
        // The head said that the connection goes on.
        if self.body.expects_continue { After::Linger } else { After::Discard(self.body.decoder) }
    }
}
