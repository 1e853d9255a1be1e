//! What is to be invoked? An event or an HTTP request, from the command line, a file or standard input. How
//! it is invoked is not known here.

use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::cli::args::InvokeArgs;
use crate::front::event::MAX_SYNC;
use crate::function::header_text;
use crate::instance::headers;
use crate::sample;

#[derive(Debug)]
pub enum Input {
    Event(Vec<u8>),
    Http(HttpRequest),
}

#[derive(Debug)]
pub struct HttpRequest {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Input {
    pub fn of(args: &InvokeArgs) -> Result<Input> {
        if let Some(line) = &args.http {
            let request = HttpRequest::of(line, &args.header, args.data.as_deref())?;
            return Ok(Input::Http(request));
        }
        let payload = match (&args.event, &args.event_file, &args.standard_input, &args.example) {
            (Some(event), ..) => event.clone().into_bytes(),
            (_, Some(file), ..) => read_file(file)?,
            (_, _, Some(_), _) => read_file(Path::new("-"))?,
            (.., Some(name)) => sample::named(name)?.sent(&args.set)?,
            (None, None, None, None) => Vec::new(),
        };
        if payload.len() as u64 > MAX_SYNC {
            bail!("the event takes {} bytes, the platform's limit is {MAX_SYNC}", payload.len());
        }
        Ok(Input::Event(payload))
    }
}

impl HttpRequest {
    /// The request that `line` writes as `GET /path?x=1`, with these `fields` and this `data`, where `@FILE`
    /// is a file.
    fn of(line: &str, fields: &[String], data: Option<&str>) -> Result<HttpRequest> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (method, target) = match words.as_slice() {
            [target] => (if data.is_some() { "POST" } else { "GET" }, *target),
            [method, target] => (*method, *target),
            _ => bail!("--http '{line}': write it as 'GET /path?x=1'"),
        };
        let is_method = method.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_method || header_text::check_path("a path", target).is_err() {
            bail!("--http '{line}': write it as 'GET /path?x=1'");
        }
        let mut headers = vec![("Host".to_owned(), "localhost".to_owned())];
        for field in fields {
            let (name, value) = header(field)?;
            headers.retain(|(known, _)| !(name.eq_ignore_ascii_case("host") && known == "Host"));
            headers.push((name.to_owned(), value.to_owned()));
        }
        let body = match data.map(|data| (data, data.strip_prefix('@'))) {
            Some((_, Some(file))) => read_file(Path::new(file))?,
            Some((text, None)) => text.as_bytes().to_vec(),
            None => Vec::new(),
        };
        Ok(HttpRequest { method: method.to_owned(), target: target.to_owned(), headers, body })
    }
}

/// Name and value of `Name: value`.
fn header(field: &str) -> Result<(&str, &str)> {
    let Some((name, value)) = field.split_once(':') else {
        bail!("--header '{field}': write it as 'Name: value'");
    };
    let value = value.trim_matches([' ', '\t']);
    // RFC 9110 section 5.6.2: a token.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty()
        || !name.bytes().all(is_token)
        || header_text::check_value("", &value.replace('\t', " ")).is_err()
    {
        bail!("--header {field:?} is not a header");
    }
    if headers::is_reserved(name) {
        bail!("--header '{field}': the platform refuses x-fc-* of a client, it sends its own");
    }
    Ok((name, value))
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str, fields: &[&str], data: Option<&str>) -> Result<HttpRequest> {
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        HttpRequest::of(line, &fields, data)
    }

    #[test]
    fn the_method_is_get_or_with_data_post_unless_it_is_written() {
        for (line, data, method) in
            [("/a?b", None, "GET"), ("/a?b", Some("x"), "POST"), ("PUT /a?b", Some("x"), "PUT")]
        {
            let request = request(line, &[], data).expect(line);
            assert_eq!((request.method.as_str(), request.target.as_str()), (method, "/a?b"));
        }
    }

    #[test]
    fn what_is_no_request_says_how_to_write_one() {
        for line in ["", "GET", "get /", "GET x", "GET / HTTP/1.1", "GET /\x07", "GET /é", "GET /#a"] {
            let error = request(line, &[], None).expect_err(line).to_string();
            assert!(error.ends_with("write it as 'GET /path?x=1'"), "{error}");
        }
    }

    #[test]
    fn a_host_of_ones_own_replaces_the_one_that_is_always_sent() {
        let names = |fields: &[&str]| {
            let headers = request("/", fields, None).expect("a request").headers;
            headers.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(names(&["A: 1", "A:2 "]), ["Host=localhost", "A=1", "A=2"]);
        assert_eq!(names(&["host: h"]), ["host=h"]);
    }

    #[test]
    fn what_is_no_header_or_the_platforms_own_is_refused() {
        for (field, wanted) in [
            ("A", "write it as 'Name: value'"),
            (": x", "is not a header"),
            ("A b: x", "is not a header"),
            ("A: x\r\nB: y", "is not a header"),
            ("A: x\0", "is not a header"),
            ("A: \x1b[2J", "is not a header"),
            ("A\x7f: x", "is not a header"),
            ("é: x", "is not a header"),
            ("X-Fc-Status: 200", "the platform refuses x-fc-*"),
        ] {
            let error = request("/", &[field], None).expect_err(field).to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
