//! What callers reach on the listen address: the function's HTTP trigger, and beside it the InvokeFunction API.

use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use fc_runtime::{Request, RequestBody, Response};

use crate::front::api::Api;
use crate::front::failure::{CallKind, Failure};
use crate::front::invocation::{self, Answer, AnswerBody, Call};
use crate::id;
use crate::instance::client::{self, BodySource, Upload};
use crate::instance::{Instance, headers};
use crate::scaling::platform::Platform;

/// The platform's limits for HTTP calls.
const MAX_TARGET: usize = 4 * 1024;
const MAX_BODY: u64 = 32 * 1024 * 1024;

/// Bodies up to this are sent to the function in one piece, and answered in one piece.
const SMALL: u64 = 64 * 1024;

pub struct Gateway {
    platform: Arc<Platform>,
    api: Api,
    /// The status of an HTTP call that timed out.
    http_timeout_status: u16,
}

impl Gateway {
    pub fn new(platform: Arc<Platform>, http_timeout_status: u16) -> Gateway {
        Gateway { api: Api::new(Arc::clone(&platform)), platform, http_timeout_status }
    }

    /// Any request to the listen address.
    pub fn serve(&self, mut request: Request<'_>) -> Response {
        let request_id = id::request();
        let (kind, result) = match self.api.target(&request) {
            Some(name) => (CallKind::Event, self.api.invoke(name, &mut request, &request_id)),
            None => (CallKind::Http, self.http(&mut request, &request_id)),
        };
        let response = result.unwrap_or_else(|failure| self.refuse(&failure, kind, &request_id));
        response.header("X-Fc-Request-Id", &request_id)
    }

    /// An answer of the platform's own.
    fn refuse(&self, failure: &Failure, kind: CallKind, request_id: &str) -> Response {
        let refusal = failure.refusal(kind, request_id, self.http_timeout_status);
        if !failure.has_instance() {
            let text = format!("{request_id} refused with {}: {failure}", refusal.status);
            self.platform.log().warn(None, &text);
        }
        let response = Response::json(refusal.body).with_status(refusal.status);
        match refusal.error_type {
            Some(error_type) => response.header("X-Fc-Error-Type", error_type),
            None => response,
        }
    }

    /// Lets asynchronous invocations that run finish within `timeout`.
    pub fn close(&self, timeout: Duration) {
        self.api.close(timeout);
    }

    fn http(&self, request: &mut Request<'_>, request_id: &str) -> Result<Response, Failure> {
        within_limits(request)?;
        let (method, target, fields) = (request.method(), request.target(), request.headers());
        let title = format!("{method} {}", request.path());
        let head = |instance: &Instance| {
            headers::forwarded(method, target, fields.iter(), request_id, &instance.common_headers)
        };
        let length = request.content_length();
        let chunked = length.is_none() && request.header("transfer-encoding").is_some();
        let answer = if chunked || length.unwrap_or(0) > SMALL {
            let mut body = Limited { inner: request.body(), left: MAX_BODY };
            let call = Call {
                kind: CallKind::Http,
                request_id,
                title,
                body: client::RequestBody::Stream(&mut body, length),
                caller_gone: &|| false,
                head: &head,
            };
            let answer = invocation::invoke(&self.platform.scaler, call)?;
            return relay(answer, body.left);
        } else {
            let body = request.read_to_vec().map_err(|_| Failure::ClientClosed)?;
            let call = Call {
                kind: CallKind::Http,
                request_id,
                title,
                body: client::RequestBody::Bytes(&body),
                caller_gone: &|| request.peer_closed(),
                head: &head,
            };
            invocation::invoke(&self.platform.scaler, call)?
        };
        relay(answer, MAX_BODY)
    }
}

/// `Connection` is not refused, although the platform's page lists it: it belongs to the hop, and most clients send it.
fn within_limits(request: &Request<'_>) -> Result<(), Failure> {
    let refused = |what: String| Err(Failure::InvalidArgument(what));
    let length = request.target().len();
    if length > MAX_TARGET {
        return refused(format!("the path with its query takes {length} bytes, the limit is {MAX_TARGET}"));
    }
    let size = headers::size(request.headers().iter());
    if size > headers::MAX_SIZE {
        return refused(format!("request headers take {size} bytes, the limit is {}", headers::MAX_SIZE));
    }
    let forbidden = request.headers().iter().find(|(name, _)| {
        let prefix = name.get(..5).unwrap_or_default();
        prefix.eq_ignore_ascii_case("x-fc-") || name.eq_ignore_ascii_case("keep-alive")
    });
    if let Some((name, _)) = forbidden {
        return refused(format!("the request header {name} is the platform's own"));
    }
    match request.content_length() {
        Some(length) if length > MAX_BODY => {
            refused(format!("the request body takes {length} bytes, the limit is {MAX_BODY}"))
        }
        _ => Ok(()),
    }
}

/// A body of unknown length must keep the platform's limit too.
struct Limited<'a, 'r> {
    inner: &'a mut RequestBody<'r>,
    left: u64,
}

impl Read for Limited<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                let text = format!("the request body is over {MAX_BODY} bytes");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
            }
        }
        Ok(count)
    }
}

impl BodySource for Limited<'_, '_> {
    fn waits_for(&mut self) -> Option<BorrowedFd<'_>> {
        self.inner.waits_for()
    }
}

/// The function's answer as its caller gets it.
fn relay(mut answer: Answer, left: u64) -> Result<Response, Failure> {
    let length = answer.body.length();
    let response = match (answer.upload.take(), length) {
        (None, Some(length)) if length <= SMALL => {
            // Failing here still becomes an answer of its own, which a cut connection would not be.
            Response::bytes(answer.body.read_all(SMALL)?)
        }
        (None, Some(length)) => Response::reader(answer.body, Some(length)),
        (None, None) => Response::stream(move |_, out| stream(answer.body, out)),
        (Some(upload), _) => Response::stream(move |body, out| {
            both_ways(upload, &mut Limited { inner: body, left }, answer.body, out)
        }),
    };
    let mut response = response.with_status(answer.status);
    for (name, value) in answer.headers.iter().filter(|(name, _)| headers::is_passed_on(name)) {
        response = response.header(name, value);
    }
    Ok(response)
}

/// Piece by piece, each sent as soon as the function has nothing more to add to it.
fn stream(mut body: AnswerBody, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    loop {
        if body.would_wait() {
            out.flush()?;
        }
        match body.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => out.write_all(piece.get(..count).unwrap_or_default())?,
            Err(error) => return broken_off(out, error),
        }
    }
}

/// The caller gets what the function said before it broke off, and then a connection that is cut.
fn broken_off(out: &mut dyn Write, error: io::Error) -> anyhow::Result<()> {
    out.flush()?;
    Err(error.into())
}

/// A response that began before its request was sent: both go on together, on one thread, so that neither fills up
/// while the other is waited for.
fn both_ways(
    mut upload: Upload,
    request: &mut dyn BodySource,
    mut answer: AnswerBody,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut piece = vec![0; 16 * 1024];
    let mut sending = true;
    loop {
        if !answer.would_wait() || (!sending && upload.is_empty()) {
            match answer.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => out.write_all(piece.get(..count).unwrap_or_default())?,
                Err(error) => return broken_off(out, error),
            }
            continue;
        }
        out.flush()?;
        if !upload.is_empty() {
            match upload.send() {
                Ok(true) => {}
                Ok(false) => upload.wait(Duration::from_secs(1))?,
                // The function wants no more of it; its answer is what counts.
                Err(_) => {
                    sending = false;
                    upload.cancel();
                }
            }
        } else if !request_is_first(request, &mut answer)? {
            continue;
        } else {
            let count = request.read(&mut piece)?;
            upload.feed(piece.get(..count).unwrap_or_default());
            sending = count > 0;
        }
    }
}

/// Waits for more of the request or of the answer; whether it was the request.
fn request_is_first(request: &mut dyn BodySource, answer: &mut AnswerBody) -> io::Result<bool> {
    while let (Some(caller), Some(function)) = (request.waits_for(), answer.stream()) {
        let (_, answered) = client::readable(caller, function, Duration::from_secs(1))?;
        if answered {
            return Ok(false);
        }
        answer.check_time()?;
    }
    Ok(true)
}
