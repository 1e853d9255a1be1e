//! What does a query ask for? Its values, read or refused with their names. What they are used for is not known here.

use std::str::FromStr;

use fc_runtime::Request;

use super::refusal::Refusal;
use crate::record::{Level, Wanted};

/// A value, unless it is absent or empty.
pub fn text(request: &Request<'_>, name: &str) -> Option<String> {
    request.query_value(name).map(|value| value.into_owned()).filter(|value| !value.is_empty())
}

/// A number, or the default.
pub fn number<N: FromStr>(request: &Request<'_>, name: &str, default: N) -> Result<N, Refusal> {
    match request.query_value(name) {
        None => Ok(default),
        Some(text) => {
            text.parse().map_err(|_| Refusal::new(400, format!("{name} '{text}' is not a number here")))
        }
    }
}

/// How many are asked for, up to `most`.
pub fn limit(request: &Request<'_>, default: usize, most: usize) -> Result<usize, Refusal> {
    match number(request, "limit", default)? {
        limit if (1..=most).contains(&limit) => Ok(limit),
        limit => Err(Refusal::new(400, format!("limit {limit} is not from 1 to {most}"))),
    }
}

pub fn switch(request: &Request<'_>, name: &str) -> Result<bool, Refusal> {
    match request.query_value(name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Refusal::new(400, format!("{name} '{other}' is neither true nor false"))),
    }
}

/// Which log lines are asked for.
pub fn wanted(request: &Request<'_>) -> Result<Wanted, Refusal> {
    let level = match request.query_value("level") {
        None => None,
        Some(name) => match Level::named(&name) {
            Some(level) => Some(level),
            None => {
                let what = format!("level '{name}' is none of debug, info, warn and error");
                return Err(Refusal::new(400, what));
            }
        },
    };
    Ok(Wanted {
        request_id: text(request, "request_id"),
        instance: text(request, "instance"),
        function: text(request, "function"),
        level,
        text: text(request, "text").map(|text| text.to_lowercase()),
    })
}
