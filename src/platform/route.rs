//! What a request is for (contract section 2): the platform's own header decides where it is
//! present, method and path where it is not.

use crate::api::context::Kind;
use crate::http1::{Head, Reject};
use crate::log::lines::Phase;

const CONTROL_PATH: &str = "x-fc-control-path";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Health,
    Hook(Phase),
    Invoke(Kind),
}

/// Finds the route of a request. With `hooks` off anyone can reach the server, and nothing but HTTP
/// invocations and the health path is served.
pub(crate) fn route_of(head: &Head, hooks: bool, health_path: Option<&str>) -> Result<Route, Reject> {
    if health_path.is_some_and(|path| path == head.path()) && matches!(head.method(), "GET" | "HEAD") {
        return Ok(Route::Health);
    }
    if !hooks {
        return Ok(Route::Invoke(Kind::Http));
    }
    let mut values = head.fields().filter(|(name, _)| name.eq_ignore_ascii_case(CONTROL_PATH));
    let value = values.next().map(|(_, value)| value).filter(|value| !value.is_empty());
    if values.next().is_some() {
        return Err(Reject::ControlPath); // the platform sends one: a second one is an attempt
    }
    Ok(match value {
        Some(b"/initialize") => Route::Hook(Phase::Initialize),
        Some(b"/pre-stop") => Route::Hook(Phase::PreStop),
        Some(b"/pre-freeze") => Route::Hook(Phase::PreFreeze),
        Some(b"/invoke") => Route::Invoke(Kind::Event),
        // `/http-invoke`, and whatever else the platform may come to send: never a hook.
        Some(_) => Route::Invoke(Kind::Http),
        None => match (head.method(), head.path()) {
            ("POST", "/initialize") => Route::Hook(Phase::Initialize),
            ("GET", "/pre-stop") => Route::Hook(Phase::PreStop),
            ("GET", "/pre-freeze") => Route::Hook(Phase::PreFreeze),
            ("POST", "/invoke") => Route::Invoke(Kind::Event),
            _ => Route::Invoke(Kind::Http),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::Call;

    fn route(method: &str, path: &str, control_path: Option<&str>) -> Route {
        let call = Call::http(method, path);
        let call = match control_path {
            Some(value) => call.header("X-Fc-Control-Path", value),
            None => call,
        };
        route_of(&call.context().head, true, Some("/health")).unwrap()
    }

    #[test]
    fn method_and_path_decide_without_the_header_or_with_an_empty_one() {
        for empty in [None, Some("")] {
            for (method, path, expected) in [
                ("POST", "/initialize", Route::Hook(Phase::Initialize)),
                ("GET", "/pre-stop", Route::Hook(Phase::PreStop)),
                ("GET", "/pre-freeze", Route::Hook(Phase::PreFreeze)),
                ("POST", "/invoke", Route::Invoke(Kind::Event)),
                ("GET", "/initialize", Route::Invoke(Kind::Http)),
                ("POST", "/pre-stop", Route::Invoke(Kind::Http)),
                ("PUT", "/invoke", Route::Invoke(Kind::Http)),
                ("GET", "/", Route::Invoke(Kind::Http)),
                ("GET", "/health", Route::Health),
                ("POST", "/health", Route::Invoke(Kind::Http)),
            ] {
                assert_eq!(route(method, path, empty), expected, "{method} {path}");
            }
        }
    }

    #[test]
    fn the_header_decides_whatever_method_and_path_say() {
        for (method, path) in [("POST", "/initialize"), ("GET", "/pre-stop"), ("DELETE", "/x")] {
            for (value, expected) in [
                ("/http-invoke", Route::Invoke(Kind::Http)),
                ("/invoke", Route::Invoke(Kind::Event)),
                ("/initialize", Route::Hook(Phase::Initialize)),
                ("/pre-stop", Route::Hook(Phase::PreStop)),
                ("/pre-freeze", Route::Hook(Phase::PreFreeze)),
                ("/something-new", Route::Invoke(Kind::Http)),
            ] {
                assert_eq!(route(method, path, Some(value)), expected, "{method} {path} {value}");
            }
        }
    }

    #[test]
    fn a_second_control_path_is_refused() {
        let call = Call::http("GET", "/").header("x-fc-control-path", "/http-invoke");
        let call = call.header("X-FC-Control-Path", "/pre-stop");
        assert_eq!(route_of(&call.context().head, true, None), Err(Reject::ControlPath));
    }

    #[test]
    fn without_hooks_every_request_is_an_http_invocation() {
        for (method, path) in [("POST", "/initialize"), ("GET", "/pre-stop"), ("POST", "/invoke")] {
            let context = Call::http(method, path).header("x-fc-control-path", "/pre-stop").context();
            assert_eq!(route_of(&context.head, false, None), Ok(Route::Invoke(Kind::Http)));
        }
    }
}
