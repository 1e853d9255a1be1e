//! What callers reach on the listen address: the InvokeFunction API, and everything else the function's HTTP
//! trigger. What either does with a request is not known here.

use std::sync::Arc;
use std::time::Duration;

use fc_runtime::{Request, Response};

use super::api::Api;
use super::failure::{CallKind, Failure};
use super::guard::{Claims, Guard};
use super::http_trigger;
use crate::id;
use crate::log::{End, Failed, RequestLine};
use crate::scaling::Platform;

pub struct Gateway {
    platform: Arc<Platform>,
    api: Api,
    guard: Guard,
    /// The status of an HTTP call that timed out.
    http_timeout_status: u16,
}

impl Gateway {
    pub fn new(platform: Arc<Platform>, guard: Guard, http_timeout_status: u16) -> Gateway {
        Gateway { api: Api::new(Arc::clone(&platform)), platform, guard, http_timeout_status }
    }

    /// Any request to the listen address.
    pub fn serve(&self, mut request: Request<'_>) -> Response {
        let request_id = id::request();
        let name = Api::function_of(&request);
        let kind = if name.is_some() { CallKind::Event } else { CallKind::Http };
        let is_allowed = self.check(kind, &Claims::of(&request));
        let result = is_allowed.and_then(|()| match name {
            Some(name) => self.api.invoke(name, &mut request, &request_id),
            None => http_trigger::invoke(
                &self.platform.scaler,
                &mut request,
                &request_id,
                self.http_timeout_status,
            ),
        });
        let response = result.unwrap_or_else(|failure| {
            // It is the platform's, and the call's time is not its own.
            request.body().end_waits_in(Duration::MAX);
            let title = format!("{} {}", request.method(), request.path());
            self.refuse(&failure, kind, &request_id, &title)
        });
        response.with_header("X-Fc-Request-Id", &request_id)
    }

    /// The function's domains are looked up for callers that name one: it takes the lock of all instances.
    fn check(&self, kind: CallKind, claims: &Claims<'_>) -> Result<(), Failure> {
        let with_domains = |_| self.guard.check(kind, claims, &self.platform.function().domains);
        self.guard.check(kind, claims, &[]).or_else(with_domains)
    }

    /// A response of the platform's own.
    fn refuse(&self, failure: &Failure, kind: CallKind, request_id: &str, title: &str) -> Response {
        let refusal = failure.refusal(kind, request_id, self.http_timeout_status);
        if !failure.has_instance() {
            self.platform.log().request(&RequestLine {
                request_id,
                function: &self.platform.function().name,
                instance: None,
                title,
                status: refusal.status,
                own_status: None,
                end: End::Refused(Failed { error_type: refusal.code, text: &failure.to_string() }),
            });
        }
        let response = Response::bytes(refusal.body.into_bytes())
            .with_status(refusal.status)
            .with_header("content-type", "application/json");
        match refusal.error_type {
            Some(error_type) => response.with_header("X-Fc-Error-Type", error_type),
            None => response,
        }
    }

    /// Lets asynchronous invocations that run finish within `timeout`.
    pub fn close(&self, timeout: Duration) {
        self.api.close(timeout);
    }
}
