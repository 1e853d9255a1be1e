//! The files of the page, and what a browser may do with them. What they show is not known here.

use fc_runtime::Response;

/// One script, one style, nothing of another place, nothing inside of another page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// Path, content type, content.
const FILES: [(&str, &str, &str); 14] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/console.css", "text/css; charset=utf-8", include_str!("page/console.css")),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("/main.js", "text/javascript; charset=utf-8", include_str!("page/main.js")),
    ("/api.js", "text/javascript; charset=utf-8", include_str!("page/api.js")),
    ("/store.js", "text/javascript; charset=utf-8", include_str!("page/store.js")),
    ("/dom.js", "text/javascript; charset=utf-8", include_str!("page/dom.js")),
    ("/rows.js", "text/javascript; charset=utf-8", include_str!("page/rows.js")),
    ("/timeline.js", "text/javascript; charset=utf-8", include_str!("page/timeline.js")),
    ("/charts.js", "text/javascript; charset=utf-8", include_str!("page/charts.js")),
    ("/invocations.js", "text/javascript; charset=utf-8", include_str!("page/invocations.js")),
    ("/logs.js", "text/javascript; charset=utf-8", include_str!("page/logs.js")),
    ("/functions.js", "text/javascript; charset=utf-8", include_str!("page/functions.js")),
    ("/send.js", "text/javascript; charset=utf-8", include_str!("page/send.js")),
];

/// What the API is, for programs that read such.
const OPENAPI: &str = include_str!("openapi.json");

/// The file of a path.
pub fn file(path: &str) -> Option<Response> {
    if path == "/openapi.json" {
        return Some(Response::text(OPENAPI).with_header("content-type", "application/json"));
    }
    let (_, content_type, content) = FILES.iter().find(|(known, _, _)| *known == path)?;
    Some(Response::text(*content).with_header("content-type", content_type))
}

/// What every response says to a browser.
pub fn secured(response: Response) -> Response {
    [
        ("content-security-policy", POLICY),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ]
    .iter()
    .fold(response, |response, (name, value)| response.with_header(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is in everybody's binary.
    const MOST: usize = 150 * 1024;

    #[test]
    fn the_page_is_small_and_needs_nothing_of_another_place() {
        let size: usize = FILES.iter().map(|(_, _, content)| content.len()).sum::<usize>() + OPENAPI.len();
        assert!(size < MOST, "{size} bytes");
        for (path, _, content) in FILES {
            let urls: Vec<_> = content.match_indices("://").map(|(at, _)| at).collect();
            for at in urls {
                let line = content[..at].lines().next_back().unwrap_or_default();
                assert!(content[at..].starts_with("://www.w3.org/2000/svg"), "{path}: {line}");
            }
            for mark in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "style=\"",
                "onclick=",
            ] {
                assert!(!content.contains(mark), "{path} has {mark}");
            }
        }
    }
}
