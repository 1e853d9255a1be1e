//! What has to hold of what fc-local reads and writes, for any bytes: shared by the fuzz targets and the seeded loop of
//! its tests.

use std::path::Path;

use fc_local::fuzzing::{self as local, Code, Received, Template};
use fc_runtime::Response;
use fc_runtime::fuzzing::{self, Bodies};

use crate::properties::{cut, is_token};

/// What follows a reply on its connection.
const NEXT: &[u8] = b"HTTP/1.1 299 Next\r\nContent-Length: 0\r\n\r\n";

/// A reply is read alike however it is cut and with whatever buffer; what is read of it and what is left are all that
/// came; its body is what a naive reading finds.
pub(crate) fn reply(input: &[u8]) {
    let (wire, cuts) = cut(input);
    let method = if input.first().is_some_and(|byte| byte % 4 == 0) { "HEAD" } else { "GET" };
    let whole = local::reply(method, wire, &[], 4096);
    // Each piece is a packet, of which a socket holds some hundreds.
    let cuts: Vec<_> = cuts.into_iter().step_by(1 + wire.len() / 1000).collect();
    for size in [1, 4096] {
        let pieces = local::reply(method, wire, &cuts, size);
        assert_eq!(pieces.map_err(drop), whole.clone().map_err(drop), "cut at {cuts:?}, read by {size}");
    }
    let Ok(whole) = whole else { return };
    assert!((200..1000).contains(&whole.status), "{}", whole.status);
    assert!(whole.body.len() <= wire.len());
    for (name, value) in &whole.fields {
        assert!(is_token(name), "{name:?}");
        assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)), "{name}: {}", value.escape_ascii());
    }
    let Some(left) = whole.left else { return };
    let (reply, behind) = wire.split_at(wire.len() - left);
    let expected = Received { left: Some(0), ..whole.clone() };
    assert_eq!(
        local::reply(method, reply, &[], 4096).as_ref(),
        Ok(&expected),
        "what follows a reply changes it"
    );
    assert!(local::reply(method, &reply[..reply.len() - 1], &[], 4096).is_err(), "whole before its end");
    let followed = [reply, NEXT].concat();
    let expected = Received { left: Some(NEXT.len()), ..whole.clone() };
    let cuts: Vec<_> = cuts.into_iter().filter(|at| *at < followed.len()).collect();
    assert_eq!(local::reply(method, &followed, &cuts, 4096).as_ref(), Ok(&expected), "before {behind:?}");
    assert_eq!(naive_body(method, reply, &whole), whole.body);
}

/// The body of a reply that leaves its connection open: what stands behind its last head, as that frames it.
fn naive_body(method: &str, reply: &[u8], received: &Received) -> Vec<u8> {
    let framed = |name: &str| received.fields.iter().find(|(other, _)| other == name);
    if method == "HEAD" || matches!(received.status, 204 | 304) {
        return Vec::new();
    }
    if framed("transfer-encoding").is_none() {
        let (_, length) = framed("content-length").expect("a length");
        let length: usize = std::str::from_utf8(length).expect("text").parse().expect("a number");
        return reply[reply.len() - length..].to_vec();
    }
    // Somewhere behind a line's end chunks begin that come to the body and end with the reply.
    let starts = reply.windows(1).enumerate().filter(|(_, byte)| *byte == b"\n").map(|(at, _)| at + 1);
    let found = starts.filter_map(|start| naive_chunks(&reply[start..])).find(|body| *body == received.body);
    found.unwrap_or_else(|| panic!("no chunks come to {:?}", received.body))
}

/// The data of chunks that `wire` consists of, if it does. Their lines end with CRLF and hold no control characters.
fn naive_chunks(mut wire: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let end = wire.windows(2).position(|pair| pair == b"\r\n")?;
        let line: String = wire[..end].iter().map(|&byte| byte as char).collect();
        if line.chars().any(|c| c.is_ascii_control() && c != '\t') {
            return None;
        }
        let digits = line.split(';').next()?.trim_end_matches([' ', '\t']);
        let size = usize::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
        wire = &wire[end + 2..];
        if size == 0 {
            break;
        }
        data.extend_from_slice(wire.get(..size)?);
        wire = wire.get(size..)?.strip_prefix(b"\r\n")?;
    }
    let trailers = if wire == b"\r\n" { Some(wire) } else { wire.strip_suffix(b"\r\n\r\n") };
    trailers.filter(|trailers| !trailers.windows(4).any(|four| four == b"\r\n\r\n"))?;
    Some(data)
}

/// A body that one of both sends in chunks is the same for the other.
pub(crate) fn chunks(input: &[u8]) {
    let (data, cuts) = cut(input);
    let (mut request, mut answer) =
        (Vec::new(), b"HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n".to_vec());
    let mut start = 0;
    for &end in cuts.iter().chain([&data.len()]).filter(|end| **end > 0) {
        local::chunk(&mut request, &data[start..end]);
        fuzzing::encode_chunk(&mut answer, &data[start..end]);
        start = end;
    }
    local::chunk(&mut request, b"");
    answer.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(fuzzing::chunked(&request, &[]), Ok(Some((data.to_vec(), request.len()))));
    let read = local::reply("GET", &answer, &[], 4096).expect("a reply");
    assert_eq!((read.body.as_slice(), read.left), (data, Some(0)));
}

/// Whatever fields a function's author sets, the response is exactly one for who reads it, with these fields and this
/// body; whatever fields a client sends, the function gets exactly one request with them, and with the platform's own.
pub(crate) fn headers(input: &[u8]) {
    let Some((&[choice, status, length], text)) = input.split_first_chunk::<3>() else { return };
    let fields: Vec<(&str, &[u8])> = text.split(|&byte| byte == b'\n').take(80).filter_map(field).collect();
    let body = b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n".repeat(1 + usize::from(length) / 64);
    let body = &body[..usize::from(length).min(body.len())];
    response_fields(choice, 190 + u16::from(status) * 2, &fields, body);
    request_fields(&fields, body);
}

/// Name and value in a line, the value's escapes `\r`, `\n` and so on as what they stand for.
fn field(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
}

fn response_fields(choice: u8, status: u16, fields: &[(&str, &[u8])], body: &[u8]) {
    let (method, http10) = (if choice & 1 == 1 { "HEAD" } else { "GET" }, choice & 2 == 2);
    let is_chunked = choice & 4 == 4;
    // A CR in a value stands for a line's end, which no line of the input can have in it.
    let fields: Vec<(&str, Vec<u8>)> =
        fields.iter().map(|(name, value)| (*name, with_line_ends(value))).collect();
    let response = Response::bytes(body.to_vec()).with_status(status);
    let response = fields.iter().fold(response, |response, (name, value)| response.with_header(name, value));
    let is_valid = (200..600).contains(&status) && fields.iter().all(|(name, value)| is_allowed(name, value));
    let encoded = fuzzing::response(&response, method, http10, is_chunked);
    assert_eq!(encoded.is_some(), is_valid, "{status} {fields:?}");
    let Some(encoded) = encoded else { return };

    let followed = [&encoded[..], NEXT].concat();
    let read = local::reply(method, &encoded, &[], 4096).expect("a response");
    let ours = ["date", "content-length", "transfer-encoding", "connection"];
    let own = read.fields.iter().filter(|(name, _)| !ours.contains(&name.as_str()));
    let own: Vec<_> = own.map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let lower: Vec<_> =
        fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.trim_ascii())).collect();
    let is_type = |(name, _): &&(String, &[u8])| name == "content-type";
    let last_type = lower.iter().rposition(|field| is_type(&field));
    let kept = lower.iter().enumerate().filter(|(at, field)| !is_type(field) || Some(*at) == last_type);
    let expected: Vec<_> = kept.map(|(_, (name, value))| (name.as_str(), *value)).collect();
    assert_eq!((read.status, own), (status, expected));
    let has_body = method == "GET" && !matches!(status, 204 | 205 | 304);
    assert_eq!(read.body, if has_body { body } else { b"" });
    if http10 {
        assert_eq!(read.left, None, "a client that did not ask for it is not promised a second response");
        return;
    }
    assert_eq!(read.left, Some(0));
    let followed = local::reply(method, &followed, &[], 4096);
    assert_eq!(followed, Ok(Received { left: Some(NEXT.len()), ..read }), "not exactly one response");
}

fn with_line_ends(value: &[u8]) -> Vec<u8> {
    value.split(|&byte| byte == b'\r').collect::<Vec<_>>().join(&b"\r\n"[..])
}

/// RFC 9110 section 5.5, and names that the runtime does not write itself.
fn is_allowed(name: &str, value: &[u8]) -> bool {
    let own = [
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-fc-status",
    ];
    let value = value.trim_ascii();
    is_token(name)
        && !own.iter().any(|own| name.eq_ignore_ascii_case(own))
        && value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

fn request_fields(fields: &[(&str, &[u8])], body: &[u8]) {
    let mut wire = format!("POST /a?b HTTP/1.1\r\nContent-Length: {}\r\n", body.len()).into_bytes();
    for (name, value) in fields {
        wire.extend([name.as_bytes(), b":", value, b"\r\n"].concat());
    }
    wire.extend([b"\r\n", body].concat());
    let client = fuzzing::connection(&wire, &[], Bodies::Read);
    let Some(received) = client.requests.first().filter(|received| received.body == body) else { return };
    let sent = received.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
    // The trigger refuses these.
    if sent.clone().any(|(name, _)| local::is_reserved(name)) {
        return;
    }
    let (method, target) = (&received.method, &received.target);
    let client = Some(std::net::Ipv4Addr::new(192, 0, 2, 7).into());
    let head = local::forwarded(method, target, sent.clone(), client, "1-2-3-4", b"x-fc-region: r\r\n");
    let mut forwarded = head.bytes;
    forwarded.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
    forwarded.extend([body, b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n"].concat());
    let function = fuzzing::connection(&forwarded, &[], Bodies::Read);
    assert_eq!((function.refused, function.requests.len()), (None, 2), "{}", forwarded.escape_ascii());
    let hop_by_hop = [
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let connection = sent.clone().filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    let named: Vec<&[u8]> = connection.flat_map(|(_, value)| value.split(|&byte| byte == b',')).collect();
    let is_kept = |name: &str| {
        let is_named = named.iter().any(|option| option.trim_ascii().eq_ignore_ascii_case(name.as_bytes()));
        !hop_by_hop.iter().any(|hop| name.eq_ignore_ascii_case(hop))
            && (!is_named || name.eq_ignore_ascii_case("host"))
    };
    let kept = sent.filter(|(name, _)| is_kept(name));
    let (hops, mut expected): (Vec<_>, Vec<_>) =
        kept.partition(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"));
    let hops: Vec<&[u8]> = hops.into_iter().map(|(_, value)| value).chain([&b"192.0.2.7"[..]]).collect();
    let hops = hops.join(&b", "[..]);
    let length = body.len().to_string();
    expected.extend([
        ("X-Forwarded-For", hops.as_slice()),
        ("x-fc-client-ip", b"192.0.2.7"),
        ("x-fc-region", &b"r"[..]),
        ("x-fc-control-path", b"/http-invoke"),
        ("x-fc-request-id", b"1-2-3-4"),
    ]);
    expected.push(("content-length", length.as_bytes()));
    let arrived = &function.requests[0];
    let fields: Vec<_> =
        arrived.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    assert_eq!((arrived.method.as_str(), arrived.target.as_str()), ("POST", "/a?b"));
    assert_eq!((fields, arrived.body.as_slice()), (expected, body));
    assert_eq!(function.requests[1].target, "/next");
}

/// A template is read or refused, with a line that it has, in memory and time that its size bounds; what was read of it
/// is read again from what a template for it would say.
pub(crate) fn template(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let directory = Path::new("/nonexistent");
    match local::template(text, directory, None) {
        Ok(template) => {
            let read = format!("{template:?}");
            // Aliases, merges and references repeat parts of a document: a template is never larger than this.
            assert!(read.len() <= (4 << 20) + 16 * text.len(), "{} bytes of {}", read.len(), text.len());
            let is_elsewhere = template.code != Code::Unsaid || !template.layers.is_empty();
            if read.contains("${") || is_elsewhere || template.http_trigger.is_some() {
                return;
            }
            let written = written(&template);
            let again = local::template(&written, directory, None);
            let again = again.unwrap_or_else(|error| panic!("{error:#}\n{written}\nof {read}"));
            assert_eq!(format!("{again:?}"), read, "of\n{written}");
        }
        Err(error) => {
            let message = format!("{error:#}");
            let lines = text.split(['\n', '\r']).count();
            for (_, rest) in message
                .match_indices("line ")
                .filter(|(at, _)| *at == 0)
                .map(|(at, found)| message.split_at(at + found.len()))
            {
                let number = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
                let number: usize = number.parse().expect("a line's number");
                assert!((1..=lines + 1).contains(&number), "line {number} of {lines}: {message}");
            }
        }
    }
}

/// The fields of `asyncInvokeConfig`.
fn asynchronous(template: &Template) -> Vec<String> {
    let fields = &template.asynchronous;
    let mut written = vec![format!("asyncTask: {}", fields.tracks_tasks)];
    written.extend(fields.retries.map(|retries| format!("maxAsyncRetryAttempts: {retries}")));
    written.extend(fields.max_age.map(|age| format!("maxAsyncEventAgeInSeconds: {}", age.as_secs())));
    let ends = [("onSuccess", &fields.on_success), ("onFailure", &fields.on_failure)];
    let ends = ends
        .iter()
        .filter_map(|(key, end)| Some(format!("{key}: {{destination: {}}}", quoted(&end.as_ref()?.arn))));
    written.push(format!("destinationConfig: {{{}}}", ends.collect::<Vec<_>>().join(", ")));
    written
}

/// A template that says what `template` knows, in flow style with every text quoted.
fn written(template: &Template) -> String {
    let mut props = Vec::new();
    let mut runtime = Vec::new();
    let mut lifecycle = Vec::new();
    let mut text = |key: &str, value: &Option<String>| {
        props.extend(value.as_ref().map(|value| format!("{key}: {}", quoted(value))));
    };
    text("functionName", &template.name);
    text("region", &template.region);
    text("handler", &template.handler);
    text("runtime", &template.runtime);
    let list = |words: &[String]| {
        format!("[{}]", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "))
    };
    if !template.command.is_empty() {
        runtime.push(format!("command: {}", list(&template.command)));
    }
    runtime.extend(template.port.map(|port| format!("port: {port}")));
    if let Some(health) = &template.health {
        runtime.push(format!(
            "healthCheckConfig: {{httpGetUrl: {}, initialDelaySeconds: {}, periodSeconds: {}, timeoutSeconds: {}, \
             failureThreshold: {}, successThreshold: {}}}",
            quoted(&health.path),
            health.initial_delay.as_secs(),
            health.period.as_secs(),
            health.timeout.as_secs(),
            health.failure_threshold,
            health.success_threshold
        ));
    }
    if let Some(initializer) = &template.initializer {
        let seconds = initializer.timeout.as_secs();
        let kind = match &initializer.kind {
            local::InitializerKind::Code => "handler: h".to_owned(),
            local::InitializerKind::Command(words) => format!("command: {}", list(words)),
        };
        lifecycle.push(format!("initializer: {{{kind}, timeout: {seconds}}}"));
    }
    lifecycle.extend(
        template
            .pre_stop
            .as_ref()
            .map(|hook| format!("preStop: {{handler: h, timeout: {}}}", hook.timeout.as_secs())),
    );
    let variables =
        template.variables.iter().map(|(name, value)| format!("? {} : {}", quoted(name), quoted(value)));
    props.push(format!("environmentVariables: {{{}}}", variables.collect::<Vec<_>>().join(", ")));
    // Whose memory may be anything.
    props.push("gpuMemorySize: 1024".to_owned());
    props.extend(template.memory_mb.map(|memory| format!("memorySize: {memory}")));
    props.extend(template.timeout.map(|timeout| format!("timeout: {}", timeout.as_secs())));
    props.extend(template.concurrency.map(|calls| format!("instanceConcurrency: {calls}")));
    props.push(format!("asyncInvokeConfig: {{{}}}", asynchronous(template).join(", ")));
    let timers = template.timers.iter().map(|timer| {
        format!(
            "{{triggerType: timer, triggerName: {}, qualifier: {}, triggerConfig: {{cronExpression: {}, enable: {}, payload: {}}}}}",
            quoted(&timer.name),
            quoted(&timer.qualifier),
            quoted(timer.schedule.text()),
            timer.is_enabled,
            quoted(&timer.payload)
        )
    });
    props.push(format!("triggers: [{}]", timers.collect::<Vec<_>>().join(", ")));
    let logs = [("project", &template.log_project), ("logstore", &template.log_store)];
    let logs = logs.iter().filter_map(|(key, value)| Some(format!("{key}: {}", quoted(value.as_ref()?))));
    props.push(format!("logConfig: {{{}}}", logs.collect::<Vec<_>>().join(", ")));
    let key = if template.container { "customContainerConfig" } else { "customRuntimeConfig" };
    props.push(format!("{key}: {{{}}}", runtime.join(", ")));
    props.push(format!("instanceLifecycleConfig: {{{}}}", lifecycle.join(", ")));
    format!("resources: {{f: {{component: fc3, props: {{{}}}}}}}\n", props.join(", "))
}

/// A double-quoted scalar: YAML 1.2 section 7.3.1.
fn quoted(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ => format!("\\U{:08x}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}
