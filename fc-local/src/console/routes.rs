//! Which path of the console is answered by what? Nothing that changes something answers GET. Who may ask is `guard.rs`'s to
//! say.

use std::sync::Arc;

use fc_runtime::{Request, Response};

use super::events::{self, Streams};
use super::guard::check_type;
use super::refusal::{Refusal, json};
use super::served::Served;
use super::{answers, functions, pages, send};

/// Where the API is; another version would have another path.
const API: &str = "/api/v1/";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Status,
    Functions,
    Instances,
    Invocations,
    Invocation(u64),
    Repeat(u64),
    Logs,
    Samples,
    Events,
    EventSamples,
    Send,
}

impl Route {
    /// By the path behind [`API`].
    fn of(path: &str) -> Option<Route> {
        let segments: Vec<&str> = path.split('/').collect();
        Some(match segments.as_slice() {
            ["status"] => Route::Status,
            ["functions"] => Route::Functions,
            ["instances"] => Route::Instances,
            ["invocations"] => Route::Invocations,
            ["invocations", key] => Route::Invocation(key.parse().ok()?),
            ["invocations", key, "repeat"] => Route::Repeat(key.parse().ok()?),
            ["logs"] => Route::Logs,
            ["samples"] => Route::Samples,
            ["events"] => Route::Events,
            ["event-samples"] => Route::EventSamples,
            ["send"] => Route::Send,
            _ => return None,
        })
    }

    fn method(self) -> &'static str {
        match self {
            Route::Repeat(_) | Route::Send => "POST",
            _ => "GET",
        }
    }
}

/// The answer to a request that may be made.
pub fn answer(
    served: &Arc<Served>,
    streams: &Arc<Streams>,
    request: &mut Request<'_>,
) -> Result<Response, Refusal> {
    let (method, path) = (request.method(), request.path());
    let nothing = || Refusal::new(404, format!("the console has no {path}; /openapi.json says what it has"));
    let Some(rest) = path.strip_prefix(API) else {
        let file = pages::file(path).ok_or_else(nothing)?;
        return check_method(method, "GET").map(|()| file);
    };
    let route = Route::of(rest).ok_or_else(nothing)?;
    check_method(method, route.method())?;
    if route.method() == "POST" {
        check_type(request.header("content-type"))?;
    }
    match route {
        Route::Status => Ok(answers::status(served)),
        Route::Functions => Ok(json(&functions::all(served))),
        Route::Instances => answers::instances(served, request),
        Route::Invocations => answers::invocations(served, request),
        Route::Invocation(key) => answers::invocation(served, key),
        Route::Repeat(key) => send::repeat(served, key, request),
        Route::Logs => answers::logs(served, request),
        Route::Samples => answers::samples(served, request),
        Route::Events => events::stream(served, streams, request),
        Route::EventSamples => Ok(send::event_samples()),
        Route::Send => send::send(served, request),
    }
}

fn check_method(method: &str, wanted: &'static str) -> Result<(), Refusal> {
    // The server leaves out the body of an answer to HEAD.
    let allowed = if wanted == "GET" { "GET, HEAD" } else { wanted };
    match allowed.split(", ").any(|one| one == method) {
        true => Ok(()),
        false => Err(Refusal::of_method(allowed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_known_whole_and_what_changes_something_is_a_post() {
        for (path, wanted) in [
            ("status", Some(Route::Status)),
            ("invocations/7", Some(Route::Invocation(7))),
            ("invocations/7/repeat", Some(Route::Repeat(7))),
            ("send", Some(Route::Send)),
            ("invocations/x", None),
            ("invocations/7/x", None),
            ("status/", None),
            ("", None),
        ] {
            assert_eq!(Route::of(path), wanted, "{path}");
        }
        assert_eq!(
            (Route::Send.method(), Route::Repeat(1).method(), Route::Logs.method()),
            ("POST", "POST", "GET")
        );
        assert!(check_method("POST", "GET").is_err() && check_method("HEAD", "POST").is_err());
        assert!(check_method("HEAD", "GET").is_ok());
    }

    #[test]
    fn the_description_names_every_path_with_its_method() {
        let described: serde_json::Value = serde_json::from_str(include_str!("openapi.json")).expect("JSON");
        let paths = described["paths"].as_object().expect("paths");
        let known = |path: &String| {
            path.strip_prefix(API).is_some_and(|rest| Route::of(&rest.replace("{key}", "7")).is_some())
        };
        assert!(paths.keys().all(known), "{:?}", paths.keys());
        for path in [
            "status",
            "functions",
            "instances",
            "invocations",
            "invocations/{key}",
            "invocations/{key}/repeat",
            "logs",
            "samples",
            "events",
            "event-samples",
            "send",
        ] {
            let route = Route::of(&path.replace("{key}", "7")).expect("a route");
            let methods = paths[&format!("{API}{path}")].as_object().expect("it is described");
            assert!(methods.contains_key(&route.method().to_lowercase()), "{path}");
        }
        assert_eq!(paths.len(), 11);
    }
}
