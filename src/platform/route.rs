//! What a request is for: the platform's own header decides where it is present, method
//! and path where it is not.

use crate::api::CallKind;
use crate::http1::Head;
use crate::platform::refusal::Refusal;

/// The only field that says what a request is for and that no client can set: the platform drops what a client
/// sends of `x-fc-*`.
const CONTROL_PATH: &str = "x-fc-control-path";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Health,
    Metrics,
    Hook(Hook),
    Invoke(CallKind),
}

/// What the platform asks of an instance beside invocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    Initialize,
    PreStop,
    /// Function Compute 2.0 calls it, 3.0 does not.
    PreFreeze,
}

impl Hook {
    /// As the platform's log lines have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Hook::Initialize => "Initialize",
            Hook::PreStop => "PreStop",
            Hook::PreFreeze => "PreFreeze",
        }
    }
}

/// Which requests a server takes for what.
pub(crate) struct Routing {
    /// Off, anyone can reach the server, and nothing but HTTP invocations and the health path is served.
    pub hooks: bool,
    pub health_path: Option<String>,
    /// Only with hooks off.
    pub metrics_path: Option<String>,
}

impl Routing {
    /// Whether the platform itself says what the request is for.
    pub(crate) fn is_platforms(&self, head: &Head) -> bool {
        self.hooks
            && head.fields().any(|(name, value)| name.eq_ignore_ascii_case(CONTROL_PATH) && !value.is_empty())
    }

    /// The route of a request.
    pub(crate) fn route(&self, head: &Head) -> Result<Route, Refusal> {
        let is = |own: &Option<String>| own.as_deref().is_some_and(|path| path == head.path());
        if is(&self.health_path) && matches!(head.method(), "GET" | "HEAD") {
            return Ok(Route::Health);
        }
        if is(&self.metrics_path) && matches!(head.method(), "GET" | "HEAD") {
            return Ok(Route::Metrics);
        }
        if !self.hooks {
            return Ok(Route::Invoke(CallKind::Http));
        }
        let mut values = head.fields().filter(|(name, _)| name.eq_ignore_ascii_case(CONTROL_PATH));
        let value = values.next().map(|(_, value)| value).filter(|value| !value.is_empty());
        if values.next().is_some() {
            return Err(Refusal::ControlPath);
        }
        Ok(match value {
            Some(b"/initialize") => Route::Hook(Hook::Initialize),
            Some(b"/pre-stop") => Route::Hook(Hook::PreStop),
            Some(b"/pre-freeze") => Route::Hook(Hook::PreFreeze),
            Some(b"/invoke") => Route::Invoke(CallKind::Event),
            // `/http-invoke`, and whatever else the platform may come to send: never a hook.
            Some(_) => Route::Invoke(CallKind::Http),
            None => match (head.method(), head.path()) {
                ("POST", "/initialize") => Route::Hook(Hook::Initialize),
                ("GET", "/pre-stop") => Route::Hook(Hook::PreStop),
                ("GET", "/pre-freeze") => Route::Hook(Hook::PreFreeze),
                ("POST", "/invoke") => Route::Invoke(CallKind::Event),
                _ => Route::Invoke(CallKind::Http),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Call;

    fn routing(hooks: bool) -> Routing {
        let metrics_path = (!hooks).then(|| "/metrics".into());
        Routing { hooks, health_path: Some("/health".into()), metrics_path }
    }

    fn route(method: &str, path: &str, control_path: Option<&str>) -> Route {
        let call = Call::http(method, path);
        let call = match control_path {
            Some(value) => call.with_header("X-Fc-Control-Path", value),
            None => call,
        };
        routing(true).route(call.context().head()).unwrap()
    }

    #[test]
    fn method_and_path_decide_without_the_header_or_with_an_empty_one() {
        for empty in [None, Some("")] {
            for (method, path, expected) in [
                ("POST", "/initialize", Route::Hook(Hook::Initialize)),
                ("GET", "/pre-stop", Route::Hook(Hook::PreStop)),
                ("GET", "/pre-freeze", Route::Hook(Hook::PreFreeze)),
                ("POST", "/invoke", Route::Invoke(CallKind::Event)),
                ("GET", "/initialize", Route::Invoke(CallKind::Http)),
                ("POST", "/pre-stop", Route::Invoke(CallKind::Http)),
                ("PUT", "/invoke", Route::Invoke(CallKind::Http)),
                ("GET", "/", Route::Invoke(CallKind::Http)),
                ("GET", "/health", Route::Health),
                ("POST", "/health", Route::Invoke(CallKind::Http)),
            ] {
                assert_eq!(route(method, path, empty), expected, "{method} {path}");
            }
        }
    }

    #[test]
    fn the_header_decides_whatever_method_and_path_say() {
        for (method, path) in [("POST", "/initialize"), ("GET", "/pre-stop"), ("DELETE", "/x")] {
            for (value, expected) in [
                ("/http-invoke", Route::Invoke(CallKind::Http)),
                ("/invoke", Route::Invoke(CallKind::Event)),
                ("/initialize", Route::Hook(Hook::Initialize)),
                ("/pre-stop", Route::Hook(Hook::PreStop)),
                ("/pre-freeze", Route::Hook(Hook::PreFreeze)),
                ("/something-new", Route::Invoke(CallKind::Http)),
            ] {
                assert_eq!(route(method, path, Some(value)), expected, "{method} {path} {value}");
            }
        }
    }

    #[test]
    fn a_second_control_path_is_refused() {
        let call = Call::http("GET", "/").with_header("x-fc-control-path", "/http-invoke");
        let call = call.with_header("X-FC-Control-Path", "/pre-stop");
        assert_eq!(routing(true).route(call.context().head()), Err(Refusal::ControlPath));
    }

    #[test]
    fn without_hooks_every_request_is_an_http_invocation() {
        for (method, path) in [("POST", "/initialize"), ("GET", "/pre-stop"), ("POST", "/invoke")] {
            let context = Call::http(method, path).with_header("x-fc-control-path", "/pre-stop").context();
            assert_eq!(routing(false).route(context.head()), Ok(Route::Invoke(CallKind::Http)));
        }
    }

    #[test]
    fn health_and_metrics_have_their_own_paths() {
        for (method, path, expected) in [
            ("GET", "/metrics", Route::Metrics),
            ("HEAD", "/metrics?name=x", Route::Metrics),
            ("GET", "/health", Route::Health),
            ("POST", "/metrics", Route::Invoke(CallKind::Http)),
            ("GET", "/metrics/", Route::Invoke(CallKind::Http)),
        ] {
            let context = Call::http(method, path).context();
            assert_eq!(routing(false).route(context.head()), Ok(expected), "{method} {path}");
        }
        assert_eq!(route("GET", "/metrics", None), Route::Invoke(CallKind::Http));
    }
}
