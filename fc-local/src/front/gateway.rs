//! What callers reach: on the main address the API, the custom domains, and the HTTP trigger of the only function; on
//! an address of its own the HTTP trigger of each of several. What any of them does with a request is not known here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fc_runtime::{Request, Response};

use super::api;
use super::api::path::{self, Action, Dialect};
use super::domains::{self, Domains, Unrouted};
use super::failure::{CallKind, Failure, Refusal};
use super::guard::{self, Claims, Guard};
use super::http_trigger::{self, HttpCall};
use super::later;
use super::served::Served;
use super::trigger_rules;
use crate::function::{CustomDomain, Route, header_text};
use crate::id;
use crate::log::{End, Failed, Log, RequestLine};
use crate::record::{Ended, NewCall};
use crate::scaling::Platform;
use crate::sync::Mutex;

pub struct Gateway {
    functions: Vec<Served>,
    domains: Mutex<Arc<Domains>>,
    guard: Guard,
    /// The status of an HTTP call that timed out.
    http_timeout_status: u16,
    told_of_websocket: AtomicBool,
    log: Arc<Log>,
}

/// Which address a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    Main,
    /// The HTTP trigger of the function at this place of several.
    Trigger(usize),
}

/// What a call is for.
enum Asked<'a> {
    Api,
    /// An HTTP trigger, on its own address or by a path of FC 2.0.
    Trigger(&'a Served),
    Domain,
    /// The main address, which is none of several functions.
    Nothing,
    Refused(CallKind, Failure),
}

impl Gateway {
    /// For functions, each with the address of its HTTP trigger.
    pub fn new(
        functions: impl Iterator<Item = (Arc<Platform>, SocketAddr)>,
        domains: Vec<CustomDomain>,
        guard: Guard,
        http_timeout_status: u16,
        retry_delay: Duration,
        log: Arc<Log>,
    ) -> Gateway {
        let siblings = Arc::default();
        let served = |(platform, address)| Served::new(platform, address, retry_delay, &siblings);
        let functions = functions.map(served).collect();
        let domains = Mutex::new(Arc::new(Domains::new(domains)));
        let told_of_websocket = AtomicBool::new(false);
        Gateway { functions, domains, guard, http_timeout_status, told_of_websocket, log }
    }

    /// The custom domains of a changed configuration.
    pub fn set_domains(&self, domains: Vec<CustomDomain>) {
        *self.domains.lock() = Arc::new(Domains::new(domains));
    }

    pub fn functions(&self) -> &[Served] {
        &self.functions
    }

    /// Any request to one of the addresses.
    pub fn serve(&self, entrance: Entrance, mut request: Request<'_>) -> Response {
        let request_id = id::request();
        let domains = Arc::clone(&*self.domains.lock());
        let host = request.header("host").and_then(guard::name_of);
        let domain =
            host.as_deref().and_then(|host| domains.of_host(host)).filter(|_| entrance == Entrance::Main);
        let asked = match domain {
            Some(_) => Asked::Domain,
            None => self.asked(entrance, &request),
        };
        let kind = asked.kind();
        // Whatever a path of the API leads to, the vendor's endpoint is a host for it, and a web page has no business there.
        let is_api = domain.is_none() && path::dialect(request.path()).is_some();
        let guarded = if is_api { CallKind::Event } else { kind };
        let is_allowed = self.guard.check(guarded, &Claims::of(&request), domains.names());
        let result = is_allowed.and_then(|()| match (asked, domain) {
            (Asked::Refused(_, failure), _) => Err(failure),
            (Asked::Api, _) => api::answer(&self.functions, &mut request, &request_id),
            (Asked::Trigger(served), _) => self.call_trigger(served, &mut request, &request_id),
            (_, Some(domain)) => self.call_domain(domain, &mut request, &request_id),
            (_, None) => Err(self.no_domain(request.header("host"))),
        });
        let response = result.unwrap_or_else(|failure| {
            // It is the platform's, and the call's time is not its own.
            request.body().end_waits_in(Duration::MAX);
            self.refuse(&failure, kind, &request, &request_id)
        });
        response.with_header("X-Fc-Request-Id", &request_id)
    }

    /// What a call that names no custom domain is for.
    fn asked(&self, entrance: Entrance, request: &Request<'_>) -> Asked<'_> {
        // Its SDKs name the action; a path alone is enough.
        if path::dialect(request.path()).is_some() || request.header("x-acs-action").is_some() {
            let Ok(Action::CallTrigger(name)) = path::action(request.method(), request.path()) else {
                return Asked::Api;
            };
            return match api::find(&self.functions, &name) {
                Ok((served, _)) => Asked::Trigger(served),
                Err(failure) => Asked::Refused(CallKind::Http, failure),
            };
        }
        let place = match entrance {
            Entrance::Main if self.functions.len() == 1 => Some(0),
            Entrance::Main => None,
            Entrance::Trigger(place) => Some(place),
        };
        place.and_then(|place| self.functions.get(place)).map_or(Asked::Nothing, Asked::Trigger)
    }

    fn call_trigger(
        &self,
        served: &Served,
        request: &mut Request<'_>,
        request_id: &str,
    ) -> Result<Response, Failure> {
        let call = HttpCall::of(request);
        call.check_trigger(served.platform.function().http_trigger.as_ref())?;
        self.invoke(served, &call, request, request_id)
    }

    fn invoke(
        &self,
        served: &Served,
        call: &HttpCall<'_>,
        request: &mut Request<'_>,
        request_id: &str,
    ) -> Result<Response, Failure> {
        if call.asks_for_websocket() && !self.told_of_websocket.swap(true, Ordering::Relaxed) {
            let text = "a client asks for a WebSocket, which an HTTP trigger has on the platform and not here: the function gets \
                 the request without its Upgrade; to try one, connect to the function's own port, with --no-freeze";
            self.log.warn(None, text);
        }
        let platform = &served.platform;
        if let Some(later) = later::asked(request)? {
            let time = platform.function().timeout;
            return http_trigger::invoke_later(&served.queue, call, later, request, request_id, time);
        }
        http_trigger::invoke(&platform.scaler, call, request, request_id, self.http_timeout_status)
    }

    /// A call to a custom domain. Without routes, as one that only has a name, it leads to the only function.
    fn call_domain(
        &self,
        domain: &CustomDomain,
        request: &mut Request<'_>,
        request_id: &str,
    ) -> Result<Response, Failure> {
        trigger_rules::check_authorization(&domain.auth_type, request.header("authorization"))?;
        if let ([], [only]) = (domain.routes.as_slice(), self.functions.as_slice()) {
            return self.invoke(only, &HttpCall::of(request), request, request_id);
        }
        let route = domains::route(domain, request.method(), request.path())
            .map_err(|unrouted| not_routed(domain, request, unrouted))?;
        let served = self.functions.iter().find(|served| served.platform.function().name == route.function);
        let Some(served) = served else {
            let Route { path, function, .. } = route;
            let text = format!("{function}, to which {}{path} leads, is not served here", domain.name);
            return Err(Failure::RouteNotFound(text));
        };
        let target = domains::rewritten(route, request.path(), request.query());
        if let Some(Err(error)) =
            target.as_deref().map(|target| header_text::check_path("the rewritten path", target))
        {
            return Err(Failure::InvalidArgument(error.to_string()));
        }
        self.invoke(served, &HttpCall::of(request).at(target), request, request_id)
    }

    /// The main address is none of the functions': where they are.
    fn no_domain(&self, host: Option<&str>) -> Failure {
        let place =
            |served: &Served| format!("{} is on http://{}/", served.platform.function().name, served.address);
        let places: Vec<String> = self.functions.iter().map(place).collect();
        let custom = match self.domains.lock().names() {
            [] => String::new(),
            names => format!("; custom domains here are {}", names.join(", ")),
        };
        // The vendor's words ("Error codes"), and what is there.
        Failure::DomainNotFound(format!(
            "domain name '{}' does not exist: several functions are served, each on an address of its own: {}{custom}",
            host.unwrap_or_default(),
            places.join(", ")
        ))
    }

    /// A response of the platform's own.
    fn refuse(&self, failure: &Failure, kind: CallKind, request: &Request<'_>, request_id: &str) -> Response {
        let refusal = failure.refusal(kind, request_id, self.http_timeout_status);
        if !failure.has_instance() {
            let function = match self.functions.as_slice() {
                [only] => Some(only.platform.function()),
                _ => None,
            };
            let name = function.as_ref().map(|function| function.name.as_str());
            let text = failure.to_string();
            let (method, path) = (request.method(), request.path());
            let trigger = if kind == CallKind::Http { "http" } else { "api" };
            let (function, retries) = (name.unwrap_or_default(), 0);
            let call = NewCall { request_id, function, trigger, method, path, retries };
            let failed = Some((refusal.code, text.as_str()));
            let ended = Ended { status: refusal.status, failure: failed, ..Ended::default() };
            self.log.recorder().refuse(&call, &ended);
            self.log.request(&RequestLine {
                request_id,
                function: name,
                instance: None,
                title: &format!("{} {}", request.method(), request.path()),
                status: refusal.status,
                own_status: None,
                end: End::Refused(Failed { error_type: refusal.code, text: &text }),
            });
        }
        let refusal = match path::dialect(request.path()) {
            Some(Dialect::Fc2) => refusal.for_fc2(),
            _ => refusal,
        };
        let Refusal { status, error_type, body, .. } = refusal;
        let response = Response::bytes(body.into_bytes())
            .with_status(status)
            .with_header("content-type", "application/json");
        match error_type {
            Some(error_type) => response.with_header("X-Fc-Error-Type", error_type),
            None => response,
        }
    }

    /// How many asynchronous invocations wait.
    pub fn waiting(&self) -> usize {
        self.functions.iter().map(|served| served.queue.waiting()).sum()
    }

    /// Starts no more asynchronous invocations.
    pub fn stop_queues(&self) {
        self.functions.iter().for_each(|served| served.queue.stop());
    }

    /// Lets asynchronous invocations that run finish within `timeout`.
    pub fn close(&self, timeout: Duration) {
        let end = Instant::now() + timeout;
        self.stop_queues();
        for served in &self.functions {
            served.queue.wait(end.saturating_duration_since(Instant::now()));
        }
    }
}

impl Asked<'_> {
    fn kind(&self) -> CallKind {
        match self {
            Asked::Api => CallKind::Event,
            Asked::Refused(kind, _) => *kind,
            Asked::Trigger(_) | Asked::Domain | Asked::Nothing => CallKind::Http,
        }
    }
}

/// Why no route of the domain takes the call.
fn not_routed(domain: &CustomDomain, request: &Request<'_>, unrouted: Unrouted<'_>) -> Failure {
    let (name, method, path) = (&domain.name, request.method(), request.path());
    match unrouted {
        Unrouted::Methods(methods) => trigger_rules::not_taken(method, &methods.join(", "), "the route"),
        Unrouted::NoPath => {
            let paths: Vec<&str> = domain.routes.iter().map(|route| route.path.as_str()).collect();
            let paths = if paths.is_empty() { "none".to_owned() } else { paths.join(", ") };
            Failure::RouteNotFound(format!(
                "the custom domain '{name}' has no route for {path}; its routes are: {paths}"
            ))
        }
    }
}
